package rsp

// AppendPacket appends `$body#cs` to dst, with whatever must be escaped escaped.
func AppendPacket(dst, body []byte) []byte { return dst }

// AppendNotification appends `%body#cs` to dst.
func AppendNotification(dst, body []byte) []byte { return dst }
