//! Mail merge: the rows of a list, and the templates that are filled with them.

mod rows;
mod template;

pub(crate) use rows::{ListFormat, ListReader, MergeList, Row, RowError, write_list};
pub(crate) use template::{
    FieldTemplate, Letter, MergeTemplate, Missing, TemplateFile, TemplateOptions, TextTemplate,
};
