//! Field writers of a selection, built once per list.

use std::io::Write as _;

use async_graphql::resolver_utils::EnumType;
use async_graphql::{ID, InputType, ObjectType, SelectionField};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::json_writer::json::{write_text, write_value};

/// Writes a field of a `T`. Returns `None` if its value is not in memory.
pub type FieldWriter<T> = Box<dyn Fn(&T, &Ctx, &mut Vec<u8>) -> Option<()> + Send + Sync>;

/// An object whose fields can be written as JSON from memory.
pub trait JsonFields: ObjectType + Sized + 'static {
    /// Returns the writer of a field, or `None` if only the executor can resolve it.
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>>;
}

/// A selected field of a lowered operation: its response key is unique in its selection set.
#[derive(Clone, Copy)]
pub struct RowField<'a>(SelectionField<'a>);

impl<'a> RowField<'a> {
    /// Wraps a field of a lowered operation.
    pub fn new(field: SelectionField<'a>) -> Self {
        Self(field)
    }

    /// The field name.
    pub fn name(&self) -> &'a str {
        self.0.name()
    }

    fn response_key(&self) -> &'a str {
        self.0.alias().unwrap_or(self.0.name())
    }

    /// Parses an argument. Returns `None` if it does not match its type.
    pub fn argument<V: InputType>(&self, name: &str) -> Option<V> {
        let arguments = self.0.arguments().ok()?;
        V::parse(arguments.into_iter().find(|(argument, _)| argument == name).map(|(_, value)| value)).ok()
    }
}

/// Writes the selection of a type: each field with its preceding label.
pub(super) struct SelectionWriter<T>(Vec<(Vec<u8>, FieldWriter<T>)>);

impl<T: JsonFields> SelectionWriter<T> {
    /// Builds the writer of a field's selection. Returns `None` if the executor must resolve a part of it.
    pub(super) fn read(field: &RowField<'_>) -> Option<Self> {
        let fields = field.0.selection_set().map(RowField).enumerate().map(|(index, field)| {
            let writer = if field.name() == "__typename" { type_name() } else { T::field_writer(&field)? };
            let mut label = vec![if index == 0 { b'{' } else { b',' }];
            write_text(field.response_key(), &mut label);
            label.push(b':');
            Some((label, writer))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    fn write(&self, of: &T, app: &Ctx, out: &mut Vec<u8>) -> Option<()> {
        app.budget.spend(self.0.len())?;
        for (label, field) in &self.0 {
            out.extend_from_slice(label);
            field(of, app, out)?;
        }
        out.push(b'}');
        Some(())
    }
}

/// Writes a list of objects.
pub(super) fn write_list<T: JsonFields>(
    writer: &SelectionWriter<T>,
    rows: impl IntoIterator<Item = impl std::borrow::Borrow<T>>,
    app: &Ctx,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.push(b'[');
    for (index, row) in rows.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        writer.write(row.borrow(), app, out)?;
    }
    out.push(b']');
    Some(())
}

fn type_name<T: JsonFields>() -> FieldWriter<T> {
    let name = T::type_name();
    Box::new(move |_, _, out| {
        write_text(&name, out);
        Some(())
    })
}

/// Writes a string field.
pub(super) fn text<T>(read: impl Fn(&T) -> &str + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_text(read(of), out);
        Some(())
    })
}

/// Writes a nullable string field.
pub(super) fn text_or_null<T>(read: impl Fn(&T) -> Option<&str> + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        match read(of) {
            Some(text) => write_text(text, out),
            None => out.extend_from_slice(b"null"),
        }
        Some(())
    })
}

/// Writes a string field whose text is computed.
pub(super) fn owned_text<T>(read: impl Fn(&T) -> String + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_text(&read(of), out);
        Some(())
    })
}

/// Writes an id field.
pub(super) fn id<T>(read: impl Fn(&T) -> ID + Send + Sync + 'static) -> FieldWriter<T> {
    owned_text(move |of| read(of).0)
}

/// Writes an enum field.
pub(super) fn enum_value<T, V: EnumType>(read: impl Fn(&T) -> V + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        let value = read(of);
        let item = V::items().iter().find(|item| item.value == value)?;
        write_text(item.name, out);
        Some(())
    })
}

/// Writes a nullable timestamp field.
pub(super) fn instant<T>(read: impl Fn(&T) -> Option<DateTime> + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        match read(of) {
            // A timestamp needs no escaping.
            Some(at) => write!(out, "\"{at}\"").ok()?,
            None => out.extend_from_slice(b"null"),
        }
        Some(())
    })
}

/// Writes an integer field.
pub(super) fn number<T>(read: impl Fn(&T) -> i64 + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| write!(out, "{}", read(of)).ok())
}

/// Writes a scalar or a list of scalars through its GraphQL value.
pub(super) fn leaf<T, V: InputType>(read: impl Fn(&T) -> V + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_value(&read(of).to_value(), out);
        Some(())
    })
}

/// Writes an object field.
pub(super) fn object<T, V: JsonFields>(
    field: &RowField<'_>,
    read: impl Fn(&T) -> V + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    object_in_memory(field, move |of, _| Some(read(of)))
}

/// Writes a nullable object field.
pub(super) fn object_or_null<T, V: JsonFields>(
    field: &RowField<'_>,
    read: impl Fn(&T, &Ctx) -> Option<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(field)?;
    Some(Box::new(move |of, app, out| match read(of, app) {
        Some(inner) => writer.write(&inner, app, out),
        None => {
            out.extend_from_slice(b"null");
            Some(())
        }
    }))
}

/// Writes an object field that may have to be fetched. Returns `None` if the object is not in memory.
pub(super) fn object_in_memory<T, V: JsonFields>(
    field: &RowField<'_>,
    read: impl Fn(&T, &Ctx) -> Option<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(field)?;
    Some(Box::new(move |of, app, out| writer.write(&read(of, app)?, app, out)))
}

/// Writes a list of objects.
pub(super) fn list<T, V: JsonFields>(
    field: &RowField<'_>,
    read: impl Fn(&T) -> Vec<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    list_in_memory(field, move |of, _| Some(read(of)))
}

/// Writes a list of objects that may have to be fetched. Returns `None` if the list is not in memory.
pub(super) fn list_in_memory<T, V: JsonFields>(
    field: &RowField<'_>,
    read: impl Fn(&T, &Ctx) -> Option<Vec<V>> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(field)?;
    Some(Box::new(move |of, app, out| write_list(&writer, read(of, app)?, app, out)))
}

/// Writes an empty list, regardless of its selection.
pub(super) fn empty_list<T>() -> FieldWriter<T> {
    Box::new(|_, _, out| {
        out.extend_from_slice(b"[]");
        Some(())
    })
}
