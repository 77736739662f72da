package build

import (
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/proto"
)

// addHistory appends a layer's line to an image's history, with the time of the
// last line. It keeps unknown members of the configuration.
func addHistory(result *client.Result, id, line string) error {
	key := exptypes.ExporterImageConfigKey
	if id != "" {
		key += "/" + id
	}
	config := map[string]json.RawMessage{}
	if err := json.Unmarshal(result.Metadata[key], &config); err != nil {
		return fmt.Errorf("read the configuration of the image: %w", err)
	}
	var history []ocispecs.History
	if data := config["history"]; data != nil {
		if err := json.Unmarshal(data, &history); err != nil {
			return fmt.Errorf("read the history of the image: %w", err)
		}
	}
	entry := ocispecs.History{CreatedBy: line + " # buildkit", Comment: "certgraft.frontend.v0"}
	if n := len(history); n > 0 {
		entry.Created = history[n-1].Created
	}
	data, err := json.Marshal(append(history, entry))
	if err != nil {
		return err
	}
	config["history"] = data
	if data, err = json.Marshal(config); err != nil {
		return err
	}
	result.AddMeta(key, data)
	return nil
}

// resultOf returns the operation that makes the result of a definition.
func resultOf(def *pb.Definition) digest.Digest {
	var op pb.Op
	if err := proto.Unmarshal(def.Def[len(def.Def)-1], &op); err != nil || len(op.Inputs) == 0 {
		return ""
	}
	return digest.Digest(op.Inputs[0].Digest)
}
