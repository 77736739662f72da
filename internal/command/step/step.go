// Package step makes a root trust more CAs for the time of one command, in the
// root's own stores, and takes them out again so that an engine which compares
// files with the layer below finds what the command did, and nothing else.
//
// Start with [Enter], which returns the [Step] to leave. What undoes a step is the
// ordinary record in the root, under a source of its own; a file beside the record
// says who lives off it. [Clear] undoes the steps of those who do not live.
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

// Options say where a step is taken.
type Options struct {
	Root   string // directory of the root
	Owner  int    // process that lives off the step; 0 is this one
	Update rootfs.Options
	Stores installer.Options
}

// Step is a root that trusts more than before.
type Step struct {
	opt   Options
	owner *owner
	alone bool            // no other step was on this root when this one began, nor when it ended
	kept  map[string]kept // what Enter changed, and the directories above, by name
	tool  bool            // the root had the tool of ca-certificates
}

// Enter installs sources into the stores of a root. The report is what
// [installer.Install] says of them.
func Enter(ctx context.Context, opt Options, sources []installer.Source) (_ *Step, report *installer.Report, err error) {
	s := &Step{opt: opt}
	if s.owner, err = newOwner(opt.Owner); err != nil {
		return nil, nil, err
	}
	named := slices.Clone(sources)
	for i := range named {
		named[i].Name = s.owner.Source // what others installed from a source of the same name is theirs
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

// settle gives what Enter changed the times that it had, and remembers what it
// looks like then. The owner is held before anyone else can look for it.
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

// Leave takes out of the root what Enter put in. What the command did to the root
// stays. It must run even if the command was interrupted.
func (s *Step) Leave(ctx context.Context) error {
	defer s.owner.release()
	var now map[string]*status
	edit := func(r *rootfs.Overlay) error {
		return in(s.opt.Root, func(t tree) error {
			now = s.look(t) // while no other step is under way
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

// look returns what there is now of what Enter changed.
func (s *Step) look(t tree) map[string]*status {
	now := map[string]*status{}
	for name := range s.kept {
		now[name] = t.look(name)
	}
	return now
}

// lookAtChanges adds to now what else Leave is about to change, with the
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

// undo takes the step out of the stores. Names that nobody has touched since
// Enter get their old bytes back; if that is all of them, nothing is parsed.
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

// withdraw takes what is recorded from the source of a step out of all stores.
func withdraw(r *rootfs.Overlay, stores installer.Options, o *owner) error {
	stores.Stores, stores.Sync, stores.Append = nil, false, false
	_, err := installer.Remove(r, installer.Selection{Sources: []string{o.Source}}, stores)
	return err
}

// touched reports whether anyone has changed what Enter changed.
func (s *Step) touched(now map[string]*status) bool {
	for name, k := range s.kept {
		if !k.Directory && !k.After.same(now[name]) {
			return true
		}
	}
	return false
}

// putBack makes every name that nobody touched what it was. A new name that was
// given another meaning stays: a hash link of someone else's has moved up to it. So
// does a link to somebody's anchor where the distribution's tool has run: it found
// the link that it would have made.
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

// remade reports whether the distribution's tool has run: it puts a new bundle in
// the place of the old one, whatever has changed.
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

// removeDir removes a directory that Enter made, unless the command has put
// something into it, or would have made it.
func (s *Step) removeDir(r *rootfs.Overlay, name string) error {
	if name == installer.LocalAnchors && !s.tool && installer.HasUpdateTool(r) {
		return nil
	}
	_, err := removeIfEmpty(r, name)
	return err
}

// removeEmpty removes the directory of the record where nothing is left in it, and
// Enter made it or the command has removed the record: with the file of the owner
// in it, it could not remove the directory.
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

// removeIfEmpty removes a directory in which nothing is, and reports whether it did.
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

// writeThrough writes what a file is to become into the file itself, where the
// command has made another name of it: both are the same file without us too.
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

// restore gives what Leave changed the times that it had: those of before the step
// where nobody has written it since, else those that the command left. Where a
// name of the step stays, or a directory had others, the command would have made
// it, and so have changed the directory above.
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

// deepestFirst returns names so that what is in a directory comes before it.
func deepestFirst(all map[string]kept) []string {
	names := slices.Sorted(maps.Keys(all))
	slices.Reverse(names)
	return names
}
