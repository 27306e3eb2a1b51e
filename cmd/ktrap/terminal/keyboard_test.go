package terminal

import (
	"os"
	"testing"
)

// testKeyboard is a keyboard without a terminal: the test calls typed.
func testKeyboard(t *testing.T) *keyboard {
	t.Helper()
	k := new(keyboard)
	var err error
	if k.editor, k.keys, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.editor.Close(); k.keys.Close() })
	return k
}

// edited is what the editor has got.
func edited(t *testing.T, k *keyboard) string {
	t.Helper()
	buf := make([]byte, maxAhead)
	n, err := k.editor.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestCtrlCIsNeverLost(t *testing.T) {
	for name, tt := range map[string]struct{ before, during string }{
		"with the line":              {"continue\r" + ctrlC, ""},
		"with the line, a newline":   {"continue\n" + ctrlC, ""},
		"while the command runs":     {"continue\r", ctrlC},
		"after what was typed ahead": {"continue\rbt\r" + ctrlC, ""},
		"after more than is kept":    {"continue\r" + string(make([]byte, 2*maxAhead)), ctrlC},
	} {
		t.Run(name, func(t *testing.T) {
			k := testKeyboard(t)
			k.prompt()
			k.typed([]byte(tt.before))
			ctx, release := k.command(t.Context())
			defer release()
			if tt.during != "" && ctx.Err() != nil {
				t.Error("the command was interrupted before Ctrl-C")
			}
			k.typed([]byte(tt.during))
			if ctx.Err() == nil {
				t.Error("the command runs on")
			}
			if len(k.ahead) > 0 {
				t.Errorf("%q is still there", k.ahead)
			}
		})
	}
}

func TestCtrlCAtAPromptIsTheEditors(t *testing.T) {
	k := testKeyboard(t)
	k.prompt()
	k.typed([]byte("abandoned" + ctrlC))
	if got := edited(t, k); got != "abandoned"+ctrlC {
		t.Errorf("the editor got %q", got)
	}
	k.prompt()
	k.typed([]byte("bt\r"))
	ctx, release := k.command(t.Context())
	defer release()
	if ctx.Err() != nil {
		t.Error("the next command was interrupted, too")
	}
}

func TestTheEditorGetsOneLineAtATime(t *testing.T) {
	k := testKeyboard(t)
	k.prompt()
	k.typed([]byte("one\rtwo\rth"))
	for _, want := range []string{"one\r", "two\r", "th"} {
		if got := edited(t, k); got != want {
			t.Errorf("the editor got %q, want %q", got, want)
		}
		k.prompt()
	}
	k.typed([]byte("ree\r"))
	if got := edited(t, k); got != "ree\r" {
		t.Errorf("the rest of the line is %q", got)
	}
}

func TestAPressAfterTheCommandEndedIsForgottenAtThePrompt(t *testing.T) {
	k := testKeyboard(t)
	k.prompt()
	k.typed([]byte("bt\r"))
	_, release := k.command(t.Context())
	release()
	k.typed([]byte(ctrlC))
	k.prompt()
	k.typed([]byte("bt\r"))
	ctx, release := k.command(t.Context())
	defer release()
	if ctx.Err() != nil {
		t.Error("an old Ctrl-C interrupts a new command")
	}
}
