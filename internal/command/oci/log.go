package oci

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Log is the file in which a runtime tells its engine why it failed. The engine
// shows the last error in the file, and nothing that the runtime prints.
type Log struct {
	File string // "" without a log
	JSON bool
}

// Error appends an error to the log, in the format of runc.
func (l Log) Error(at time.Time, text string) error {
	if l.File == "" {
		return nil
	}
	f, err := os.OpenFile(l.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	moment := at.UTC().Format(time.RFC3339)
	if !l.JSON {
		_, err = fmt.Fprintf(f, "time=%q level=error msg=%q\n", moment, text)
		return err
	}
	line, err := json.Marshal(map[string]string{"level": "error", "msg": text, "time": moment})
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	return err
}
