//! The artifacts of the run that is looked at: opening folders, showing files.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::action::Action;
use super::detail::{Detail, Tab};
use super::{App, Request, panes, scroll};
use crate::index::RunKey;
use crate::shown::{Shown, shown};
use crate::store::{Artifact, Listing, Preview};

/// The artifacts of a run as far as they were opened.
#[derive(Clone, Debug, Default)]
pub struct Artifacts {
    /// Listed folders by path; the root is the empty path.
    pub listings: HashMap<String, Listing>,
    /// Open folders.
    pub open: HashSet<String>,
    /// The file that is shown: its path, and its beginning as lines, or why not; nothing while it is read.
    pub preview: Option<(String, Option<Arc<Vec<Shown>>>)>,
    /// Lines of it scrolled out at the top.
    pub scrolled: usize,
}

impl Detail {
    /// The file that is shown as lines of text; none while it is read.
    pub fn preview_lines(&self) -> Option<&Arc<Vec<Shown>>> {
        self.artifacts.preview.as_ref()?.1.as_ref()
    }

    /// The entries of the artifact tree that are in view, with their depth.
    pub fn artifact_lines(&self) -> Vec<(usize, &Artifact)> {
        let mut out = Vec::new();
        let listing = |path: &str| self.artifacts.listings.get(path).map_or(&[][..], |l| &l.entries);
        let mut stack: Vec<(usize, &Artifact)> = listing("").iter().rev().map(|entry| (0, entry)).collect();
        while let Some((depth, entry)) = stack.pop() {
            out.push((depth, entry));
            if self.artifacts.open.contains(&entry.path) {
                stack.extend(listing(&entry.path).iter().rev().map(|below| (depth + 1, below)));
            }
        }
        out
    }
}

impl App {
    /// Asks for the artifacts when somebody looks at them first.
    pub(super) fn list_artifacts(&self, out: &mut Vec<Request>) {
        if let Some(detail) = self.detail.as_ref().filter(|detail| detail.tab == Tab::Artifacts)
            && !detail.artifacts.listings.contains_key("")
        {
            out.push(Request::Listing(detail.run, String::new()));
        }
    }

    pub(super) fn artifacts_act(&mut self, action: Action, out: &mut Vec<Request>) {
        let Some(detail) = &mut self.detail else { return };
        let run = detail.run;
        let lines = detail.artifact_lines();
        let at = detail.cursor().at;
        let entry = lines.get(at).map(|(depth, entry)| (*depth, (*entry).clone()));
        let above = entry.as_ref().and_then(|(depth, _)| lines.iter().take(at).rposition(|(d, _)| d < depth));
        match (action, entry) {
            (Action::Open, Some((_, entry))) if entry.is_dir => {
                if detail.artifacts.open.insert(entry.path.clone()) {
                    out.push(Request::Listing(run, entry.path));
                } else {
                    detail.artifacts.open.remove(&entry.path);
                }
            }
            (Action::Open, Some((_, entry))) => {
                detail.artifacts.preview = Some((entry.path.clone(), None));
                detail.artifacts.scrolled = 0;
                out.push(Request::Preview(run, entry.path));
            }
            (Action::Collapse, Some((_, entry))) if detail.artifacts.open.contains(&entry.path) => {
                detail.artifacts.open.remove(&entry.path);
            }
            (Action::Collapse, _) => {
                if let (Some(line), Some(cursor)) = (above, detail.cursors.get_mut(Tab::Artifacts as usize)) {
                    cursor.at = line;
                }
            }
            (Action::PageDown | Action::PageUp, _) if detail.artifacts.preview.is_some() => {
                let len = detail.preview_lines().map_or(0, |lines| lines.len());
                let height = panes::split(panes::detail_body(self)).other.height.saturating_sub(1).into();
                if let Some(detail) = &mut self.detail {
                    detail.artifacts.scrolled = scroll(detail.artifacts.scrolled, action, len, height);
                }
            }
            _ => {
                self.move_in_tab(action);
                self.preview_under_cursor(out);
            }
        }
    }

    /// A small file under the cursor is shown at once.
    fn preview_under_cursor(&mut self, out: &mut Vec<Request>) {
        let Some(detail) = &mut self.detail else { return };
        let at = detail.cursor().at;
        let entry = detail.artifact_lines().get(at).map(|(_, entry)| (*entry).clone());
        let Some(entry) = entry.filter(|entry| !entry.is_dir) else { return };
        if detail.artifacts.preview.as_ref().is_none_or(|(path, _)| *path != entry.path) {
            detail.artifacts.preview = Some((entry.path.clone(), None));
            detail.artifacts.scrolled = 0;
            out.push(Request::Preview(detail.run, entry.path));
        }
    }

    pub(super) fn take_listing(
        &mut self,
        run: RunKey,
        path: String,
        listing: Listing,
        out: &mut Vec<Request>,
    ) {
        if let Some(detail) = self.detail.as_mut().filter(|detail| detail.run == run) {
            detail.artifacts.listings.insert(path, listing);
            self.preview_under_cursor(out);
        }
    }

    pub(super) fn take_preview(&mut self, run: RunKey, path: &str, content: Result<Preview, String>) {
        let Some(detail) = self.detail.as_mut().filter(|detail| detail.run == run) else { return };
        if let Some((_, slot)) = detail.artifacts.preview.as_mut().filter(|(shown, _)| shown == path) {
            // Once, and not for every frame: JSON is indented.
            let lines = content
                .map_or_else(|why| vec![shown(&why)], |preview| super::output::text_of(path, &preview));
            *slot = Some(Arc::new(lines));
        }
    }
}
