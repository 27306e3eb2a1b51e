package symtest

import (
	"os"
	"path/filepath"
	"testing"
)

// VmlinuxEnv names the environment variable that points the tests at a vmlinux
// with debug information; several are separated as in PATH.
const VmlinuxEnv = "KTRAP_TEST_VMLINUX"

// ModuleEnv names the environment variable that points the tests at modules
// (.ko) with debug information, separated as in PATH.
const ModuleEnv = "KTRAP_TEST_MODULES"

// Vmlinux gives the first real vmlinux to test with and skips the test loudly
// when there is none.
func Vmlinux(tb testing.TB) string {
	tb.Helper()
	return Vmlinuxes(tb)[0]
}

// Vmlinuxes gives every real vmlinux to test with: those of $KTRAP_TEST_VMLINUX,
// else those in the lab's cache.
func Vmlinuxes(tb testing.TB) []string {
	tb.Helper()
	return realFiles(tb, VmlinuxEnv, "vmlinux")
}

// Modules gives the real modules to test with: those of $KTRAP_TEST_MODULES,
// else those in the lab's cache.
func Modules(tb testing.TB) []string {
	tb.Helper()
	return realFiles(tb, ModuleEnv, "*.ko")
}

// LogsEnv names the environment variable with a folder of console logs (*.log)
// of the kernels under test.
const LogsEnv = "KTRAP_TEST_LOGS"

// Logs gives the console logs of real kernels to test with and skips the test
// loudly when there are none.
func Logs(tb testing.TB) []string {
	tb.Helper()
	list, err := filepath.Glob(filepath.Join(os.Getenv(LogsEnv), "*.log"))
	if err != nil || len(list) == 0 {
		tb.Skipf("SKIPPED, nothing was compared with real logs: %s names no folder with *.log", LogsEnv)
	}
	return list
}

// ModulesIfAny is [Modules] for tests that can do without.
func ModulesIfAny() []string {
	if list := filepath.SplitList(os.Getenv(ModuleEnv)); len(list) > 0 {
		return list
	}
	return inCache("*.ko")
}

func realFiles(tb testing.TB, env, pattern string) []string {
	tb.Helper()
	if list := filepath.SplitList(os.Getenv(env)); len(list) > 0 {
		return list
	}
	list := inCache(pattern)
	if len(list) == 0 {
		tb.Skipf("SKIPPED, nothing was compared with a real file: set %s or run `ktrap lab`", env)
	}
	return list
}

// inCache looks through the folder where `ktrap lab` keeps its kernels.
func inCache(pattern string) []string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	var list []string
	_ = filepath.WalkDir(filepath.Join(cache, "ktrap"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if ok, _ := filepath.Match(pattern, d.Name()); ok {
				list = append(list, path)
			}
		}
		return nil // what cannot be read is not there
	})
	return list
}
