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
