//! Events of files in watched folders, and of the plugins in them.

use super::events;

events! {
    /// Of a file in a watched folder, and of the plugin in it.
    "intake" FileEvent {
        /// A file is being read.
        Found { name: String } = "file-found", [Info], format!("reading {name}");
        /// A file is not read at all.
        Refused { reason: String, fix: String } = "file-refused", [Warn],
            format!("not taken: {reason}"), fix: fix.as_str();
        /// A file that held a plugin was removed.
        Gone {} = "file-gone", kept [Info], "its file was removed";
        /// A plugin passed every step of intake.
        Admitted { compile_ms: u64, cached: bool } = "plugin-admitted", kept [Info],
            match cached {
                true => "admitted, from the cache".to_owned(),
                false => format!("admitted, compiled in {compile_ms} ms"),
            };
        /// Bytes that hold a place came from the shelf, because their file has others now.
        Restored {} = "plugin-restored", [Info],
            "its file has other bytes now; these hold a place, and come from the shelf";
        /// Bytes took a place that takes no others from now on.
        Pinned { place: String, how: &'static str } = "plugin-pinned", kept [Info],
            format!("{place}: pinned to these bytes, {how}");
        /// Bytes took a place, and that could not be written down.
        PinFailed { place: String, why: String } = "pin-failed", [Error],
            format!("{place}: takes these bytes, and that was not written down: {why}"),
            fix: "mend the state folder; otherwise it is asked again at the next start";
        /// Bytes would have a place, and are held until the operator approves them.
        Held { place: String, why: String, differs: String, command: String } = "plugin-held", [Warn],
            format!("{place}: held: {why}; {differs}"),
            fix: format!("look at it; to accept it run `{command}`");
        /// The operator approved bytes for a place.
        Approved { place: String } = "plugin-approved", kept [Info], format!("{place}: approved");
        /// A watched folder cannot be looked at, so what was there stays.
        FolderUnseen { reason: String, fix: String } = "folder-unseen", [Warn],
            format!("cannot be looked at, so what was there stays: {reason}"), fix: fix.as_str();
        /// A watched folder can be looked at again.
        FolderSeen { looks: u64 } = "folder-seen", kept [Info],
            format!("can be looked at again, after {looks} looks in vain");
        /// A file goes on changing, so it is not read.
        Restless { seconds: u64 } = "file-restless", [Warn],
            format!("not read yet: it has been changing for {seconds} s"),
            fix: "write beside it, then move it here as a whole";
        /// A sidecar would raise a limit, which has no effect.
        SidecarRaises { name: &'static str, asked: u64, there: u64 } = "sidecar-raises", [Warn],
            format!("its sidecar asks for `{name}: {asked}`; a sidecar lowers, and {there} stays"),
            fix: format!("write `limits: {{{name}: {asked}}}` in wickd.yaml where it is used");
        /// A sidecar has gone, and what it lowered stays.
        SidecarGone { limits: String } = "sidecar-gone", [Warn],
            format!("the sidecar that lowered its limits is not there, and they stay: {limits}"),
            fix: "put it back; to lift a limit, write the sidecar without it: `limits: {}`";
        /// A plugin did not pass a step of intake.
        PluginRefused { step: String, reason: String, fix: String } = "plugin-refused", [Warn],
            format!("{step}: {reason}"), fix: fix.as_str();
        /// A file could not be read for a reason of this machine, and is tried again.
        ReadingDelayed { why: String } = "reading-delayed", [Warn],
            format!("it cannot be read now: {why}; tried again in 5 s"),
            fix: "nothing to do, unless it goes on";
        /// A file cannot be read for a reason of this machine.
        ReadingFailed { why: String, fix: &'static str } = "reading-failed", [Error],
            format!("it cannot be read: {why}"), fix: format!("{fix}; touch the file to try again");
        /// Compiled code could not be kept, so it is compiled again next time.
        CacheFailed { why: String } = "cache-failed", [Warn],
            format!("the compile cache fails: {why}"), fix: "free the disk, or mend the state folder";
        /// The system tells of no changes of files; they are looked for now and then.
        WatchDegraded { why: String, knob: &'static str } = "watch-degraded", [Warn],
            format!("no file events from the system ({why})"),
            fix: format!(
                "{knob}until then files are found by the periodic rescan, see `rescan_ms`"
            );
        /// Two files hold the same version with different bytes.
        VersionTwice { plugin: String, other: String } = "version-twice", [Warn],
            format!("{plugin} is also in {other}, with other bytes"),
            fix: "the file read last is used; give one of them another version";
        /// No more plugins can be loaded.
        Full { plugin: String, most: usize } = "plugins-full", [Error],
            format!("{most} plugins are loaded; {plugin} is not"),
            fix: "remove files from the folders";
    }
}
