// Package step makes a root trust more CAs for the time of one command. It edits
// the root's own stores and restores them afterwards. An engine that compares
// files with the layer below then finds only the changes of the command.
//
// Start with [Enter], which returns the [Step] to leave. The ordinary record in
// the root undoes a step: each step has a source of its own. A file beside the
// record names the owner of the step. [Clear] undoes the steps of dead owners.
package step

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// Options say where and how to take a step.
type Options struct {
	Root   string // directory of the root
	Owner  int    // the process that needs the step; 0 is this one
	Update rootfs.Options
	Stores installer.Options

	Installed func(*rootfs.Overlay) // called with the CAs in the stores; nil for nothing
}

// Step is a root that trusts more CAs than before.
type Step struct {
	opt   Options
	owner *owner
	alone bool            // no other step was on this root when this one began or ended
	kept  map[string]kept // the names that Enter changed, and the directories above
	tool  bool            // the root had update-ca-certificates
}

// Enter installs sources into the stores of a root. The report is the report of
// [installer.Install].
func Enter(ctx context.Context, opt Options, sources []installer.Source) (_ *Step, report *installer.Report, err error) {
	s := &Step{opt: opt}
	if s.owner, err = newOwner(opt.Owner); err != nil {
		return nil, nil, err
	}
	named := slices.Clone(sources)
	for i := range named {
		named[i].Name = s.owner.Source // a source of the same name may belong to an earlier install
	}
	err = s.update(ctx, func(r *rootfs.Overlay) (err error) {
		others, err := ownersIn(r)
		if err != nil {
			return err
		}
		s.alone, s.tool = len(others) == 0, installer.HasUpdateTool(r)
		if report, err = installer.Install(r, named, opt.Stores); err != nil {
			return err
		}
		if opt.Installed != nil {
			opt.Installed(r)
		}
		if err := s.owner.write(r); err != nil {
			return err
		}
		return in(opt.Root, func(t tree) error {
			s.kept, err = keep(t, r)
			return err
		})
	}, s.settle)
	if err != nil {
		return nil, nil, errors.Join(err, s.Leave(context.WithoutCancel(ctx)))
	}
	return s, report, nil
}

// settle restores the times of the names that Enter changed, and remembers their
// state. It locks the file of the owner before another process can look for it.
func (s *Step) settle() error {
	if err := s.owner.hold(s.opt.Root); err != nil {
		return err
	}
	return in(s.opt.Root, func(t tree) error {
		for name, k := range s.kept {
			if k.Before == nil {
				continue
			}
			if err := t.setTimes(name, k.Before); err != nil {
				return err
			}
		}
		for name, k := range s.kept {
			k.After = t.look(name)
			s.kept[name] = k
		}
		return nil
	})
}

// Leave takes the CAs of Enter out of the root. It keeps the changes that the
// command made. It must run even if the command was interrupted.
func (s *Step) Leave(ctx context.Context) error {
	defer s.owner.release()
	var now map[string]*status
	edit := func(r *rootfs.Overlay) error {
		return in(s.opt.Root, func(t tree) error {
			now = s.look(t) // no other step is under way here
			if err := s.undo(r, now); err != nil {
				return err
			}
			s.lookAtChanges(t, r, now)
			return nil
		})
	}
	if err := s.writeThrough(ctx, edit); err != nil {
		return err
	}
	return s.update(ctx, edit, func() error {
		return in(s.opt.Root, func(t tree) error { return s.restore(t, now) })
	})
}

// look returns the present state of the names that Enter changed.
func (s *Step) look(t tree) map[string]*status {
	now := map[string]*status{}
	for name := range s.kept {
		now[name] = t.look(name)
	}
	return now
}

// lookAtChanges adds to now the other names that Leave will change, and the
// directories above.
func (s *Step) lookAtChanges(t tree, r *rootfs.Overlay, now map[string]*status) {
	for c := range r.Changes() {
		for name := range upwards(c.Name) {
			if _, known := now[name]; !known {
				now[name] = t.look(name)
			}
		}
	}
}

// undo takes the step out of the stores. A name that is unchanged since Enter gets
// its old bytes back. If all are unchanged, undo parses no store.
func (s *Step) undo(r *rootfs.Overlay, now map[string]*status) error {
	others, err := ownersIn(r)
	if err != nil {
		return err
	}
	if err := ignoreMissing(r.Remove(s.owner.name)); err != nil {
		return err
	}
	s.alone = s.alone && !slices.ContainsFunc(others, func(o *owner) bool { return o.name != s.owner.name })
	if !s.alone || s.touched(now) {
		if err := withdraw(r, s.opt.Stores, s.owner); err != nil {
			return err
		}
	}
	if s.alone && s.kept[installer.RecordPath].After.same(now[installer.RecordPath]) {
		if err := s.putBack(r, now); err != nil {
			return err
		}
	}
	return s.removeEmpty(r, now)
}

// withdraw takes everything that is recorded for the source of a step out of all
// stores.
func withdraw(r *rootfs.Overlay, stores installer.Options, o *owner) error {
	stores.Stores, stores.Sync, stores.Append = nil, false, false
	_, err := installer.Remove(r, installer.Selection{Sources: []string{o.Source}}, stores)
	return err
}

// touched reports whether a file that Enter changed has changed again.
func (s *Step) touched(now map[string]*status) bool {
	for name, k := range s.kept {
		if !k.Directory && !k.After.same(now[name]) {
			return true
		}
	}
	return false
}

// putBack restores every name that is unchanged since Enter. Two kinds of new
// names stay. The first is a name with a new meaning: a hash link of another CA
// has moved up to it. The second is a link to another's anchor, after the
// distribution's tool has run: the tool would have made this link.
func (s *Step) putBack(r *rootfs.Overlay, now map[string]*status) error {
	remade := s.remade(now)
	given := map[string]bool{}
	for c := range r.Changes() {
		given[c.Name] = !c.Removed
	}
	for _, name := range deepestFirst(s.kept) {
		k := s.kept[name]
		var err error
		switch {
		case k.made():
			err = s.removeDir(r, name)
		case k.Directory || !k.After.same(now[name]):
		case k.Before == nil && (given[name] || remade && k.After.isLink() && leadsToFile(r, name)):
		case k.Before == nil:
			err = r.Remove(name)
		case k.Before.isLink():
			err = r.Symlink(k.Target, name)
		default:
			err = r.WriteFile(name, k.Data, k.Before.mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remade reports whether the distribution's tool has run. It replaces the bundle
// by a new file even if nothing has changed.
func (s *Step) remade(now map[string]*status) bool {
	for name, k := range s.kept {
		if is := now[name]; is != nil && k.Data != nil && is.Ino != k.After.Ino && bytes.Contains(k.Data, []byte("-----BEGIN")) {
			return true
		}
	}
	return false
}

func leadsToFile(r *rootfs.Overlay, name string) bool {
	_, err := r.Stat(name)
	return err == nil
}

// removeDir removes a directory that Enter made. It keeps the directory if the
// command has put files into it, or would have made it.
func (s *Step) removeDir(r *rootfs.Overlay, name string) error {
	if name == installer.LocalAnchors && !s.tool && installer.HasUpdateTool(r) {
		return nil
	}
	_, err := removeIfEmpty(r, name)
	return err
}

// removeEmpty removes the empty directory of the record if Enter made it, or if
// the command has removed the record. The command could not remove the directory,
// because the file of the owner was in it.
func (s *Step) removeEmpty(r *rootfs.Overlay, now map[string]*status) error {
	removed := s.kept[installer.RecordPath].Before != nil && now[installer.RecordPath] == nil
	for dir := path.Dir(s.owner.name); dir != "." && (s.kept[dir].made() || removed); dir = path.Dir(dir) {
		if gone, err := removeIfEmpty(r, dir); err != nil || !gone {
			return err
		}
		removed = false
	}
	return nil
}

// removeIfEmpty removes an empty directory, and reports whether it did.
func removeIfEmpty(r *rootfs.Overlay, dir string) (gone bool, err error) {
	entries, err := r.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return false, ignoreMissing(err)
	}
	err = r.Remove(dir)
	return err == nil, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeThrough writes the new content into the file itself if the command has
// given the file a second name. Both names must stay one file, as without the
// step.
func (s *Step) writeThrough(ctx context.Context, edit func(*rootfs.Overlay) error) error {
	return in(s.opt.Root, func(t tree) error {
		now := s.look(t)
		linked := slices.DeleteFunc(deepestFirst(s.kept), func(name string) bool { return !s.kept[name].gainedName(now[name]) })
		if len(linked) == 0 {
			return nil
		}
		opt := s.opt.Update
		opt.DryRun = true
		result, err := opt.Update(ctx, s.opt.Root, edit)
		if err != nil {
			return err
		}
		for _, c := range result.Changes {
			if slices.Contains(linked, c.Name) && !c.Removed && c.Mode.IsRegular() {
				if err := errors.Join(t.overwrite(c.Name, c.Data), t.setTimes(c.Name, now[c.Name])); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// restore sets the times of the names that Leave changed. A name that was not
// written since Enter gets its time from before the step; another name gets the
// time that the command left. A name of the step that stays, or a directory whose
// time has changed, counts as made by the command: the directory above then gets
// the time of that change.
func (s *Step) restore(t tree, now map[string]*status) error {
	var errs []error
	written := map[string]*status{}
	for name, times := range now {
		k := s.kept[name]
		is := t.look(name)
		switch {
		case k.After == nil || !s.alone:
		case k.Before != nil:
			if k.Directory && times != nil && is == nil { // removed for the command
				written[path.Dir(name)] = times
			}
		case is != nil:
			written[path.Dir(name)] = is
		case k.Directory && times != nil && !k.After.sameTimes(times):
			written[path.Dir(name)] = times
		}
		if k.Before != nil && k.After.sameTimes(times) {
			times = k.Before
		}
		if times != nil && is != nil {
			errs = append(errs, t.setTimes(name, times))
		}
	}
	for dir, times := range written {
		if k := s.kept[dir]; k.Before != nil && k.After.sameTimes(now[dir]) {
			errs = append(errs, t.setTimes(dir, times))
		}
	}
	return errors.Join(errs...)
}

func (s *Step) update(ctx context.Context, edit func(*rootfs.Overlay) error, committed func() error) error {
	opt := s.opt.Update
	opt.Committed = committed
	_, err := opt.Update(ctx, s.opt.Root, edit)
	return err
}

// deepestFirst sorts names so that the content of a directory comes before the
// directory.
func deepestFirst(all map[string]kept) []string {
	names := slices.Sorted(maps.Keys(all))
	slices.Reverse(names)
	return names
}
