//! Faults of all layers at once: form, names, expressions, settings. What only follows from a fault of form is left
//! out, because it goes away with it.

use crate::fault::Fault;

/// Sections of `use`.
const SECTIONS: [&str; 8] =
    ["authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs"];
/// Parts of a task whose fields name variables.
const NAMING: [&str; 3] = ["/for/", "/catch/", "/foreach/"];

/// Which further faults may only follow from those of form.
#[derive(Default)]
pub(super) struct Doubts {
    /// Pointers of faults of form.
    pointers: Vec<String>,
    /// Tasks whose variables may be misnamed.
    misnamed: Vec<String>,
}

impl Doubts {
    pub(super) fn of(faults: &[Fault]) -> Self {
        let pointers: Vec<String> = faults.iter().map(|fault| fault.pointer.clone()).collect();
        let task_of = |pointer: &String| {
            NAMING.iter().find_map(|part| {
                let (task, field) = pointer.rsplit_once(part)?;
                (!field.contains('/')).then(|| format!("{task}/"))
            })
        };
        let misnamed = pointers.iter().filter_map(task_of).collect();
        Self { pointers, misnamed }
    }

    /// Whether a section of `use` may hold more than can be read.
    pub(super) fn is_section_unclear(&self, section: &str) -> bool {
        self.pointers.iter().any(|pointer| match pointer.strip_prefix("/use") {
            Some("") => true,
            Some(rest) => {
                let name = rest.trim_start_matches('/');
                rest.starts_with('/') && !name.contains('/') && (name == section || !SECTIONS.contains(&name))
                    // `uses` and the like.
                    || !rest.starts_with('/')
            }
            None => false,
        })
    }

    /// Whether a variable that is missing in a part may only be misnamed.
    pub(super) fn is_variable_unclear(&self, pointer: &str) -> bool {
        self.misnamed.iter().any(|task| pointer.starts_with(task.as_str()))
    }
}

/// The faults of form and the further ones, in the order of the document.
pub(super) fn together(mut form: Vec<Fault>, further: Vec<Fault>) -> Vec<Fault> {
    let is_told = |fault: &Fault| form.iter().any(|told| told.pointer == fault.pointer);
    let new: Vec<Fault> = further.into_iter().filter(|fault| !is_told(fault)).collect();
    form.extend(new);
    form.sort_by(|one, other| {
        (one.place, &one.pointer, &one.message).cmp(&(other.place, &other.pointer, &other.message))
    });
    form.dedup();
    form
}
