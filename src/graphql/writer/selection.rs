//! What is selected of a type, read once, and how each of its fields is written.

use std::io::Write as _;

use async_graphql::resolver_utils::EnumType;
use async_graphql::{ID, InputType, ObjectType, SelectionField};

use crate::graphql::ctx::Ctx;
use crate::graphql::scalars::DateTime;
use crate::graphql::writer::json::{write_text, write_value};

/// Writes a field of a `T`; none where it is not in memory.
pub type FieldWriter<T> = Box<dyn Fn(&T, &Ctx, &mut Vec<u8>) -> Option<()> + Send + Sync>;

/// An object that can be written from memory.
pub trait Written: ObjectType + Sized + 'static {
    /// How a field is written; none for a field that only the executor can tell.
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>>;
}

/// A field as it is asked for: with all the places of the document that ask for it under one key.
pub struct Asked<'a>(Vec<SelectionField<'a>>);

impl<'a> Asked<'a> {
    /// A field that is asked for in one place.
    pub fn one(field: SelectionField<'a>) -> Self {
        Self(vec![field])
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.0[0].name()
    }

    fn key(&self) -> &'a str {
        self.0[0].alias().unwrap_or(self.0[0].name())
    }

    /// An argument, variables put in; none when it does not fit its type.
    pub fn argument<V: InputType>(&self, name: &str) -> Option<V> {
        let arguments = self.0[0].arguments().ok()?;
        V::parse(arguments.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)).ok()
    }

    /// What is asked for below, merged by key (GraphQL §6.3.2). On an object every fragment that is valid applies.
    fn below(&self) -> Vec<Self> {
        let mut fields: Vec<Self> = Vec::new();
        for field in self.0.iter().flat_map(SelectionField::selection_set) {
            let key = field.alias().unwrap_or(field.name());
            match fields.iter_mut().find(|known| known.key() == key) {
                Some(known) => known.0.push(field),
                None => fields.push(Self::one(field)),
            }
        }
        fields
    }
}

/// Writes what is selected of a type: each field with all that stands before it.
pub struct SelectionWriter<T>(Vec<(Vec<u8>, FieldWriter<T>)>);

impl<T: Written> SelectionWriter<T> {
    /// Reads what is asked for below a field; none where the executor has to tell some of it.
    pub fn read(asked: &Asked<'_>) -> Option<Self> {
        let fields = asked.below().into_iter().enumerate().map(|(place, field)| {
            let writer = if field.name() == "__typename" { type_name() } else { T::field(&field)? };
            let mut label = vec![if place == 0 { b'{' } else { b',' }];
            write_text(field.key(), &mut label);
            label.push(b':');
            Some((label, writer))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    fn write(&self, of: &T, app: &Ctx, out: &mut Vec<u8>) -> Option<()> {
        for (label, field) in &self.0 {
            out.extend_from_slice(label);
            field(of, app, out)?;
        }
        out.push(b'}');
        Some(())
    }
}

/// Writes a list of objects.
pub fn write_list<T: Written>(
    writer: &SelectionWriter<T>,
    rows: impl IntoIterator<Item = impl std::borrow::Borrow<T>>,
    app: &Ctx,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.push(b'[');
    for (place, row) in rows.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        writer.write(row.borrow(), app, out)?;
    }
    out.push(b']');
    Some(())
}

fn type_name<T: Written>() -> FieldWriter<T> {
    let name = T::type_name();
    Box::new(move |_, _, out| {
        write_text(&name, out);
        Some(())
    })
}

/// A field that holds a text.
pub fn text<T>(read: impl Fn(&T) -> &str + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_text(read(of), out);
        Some(())
    })
}

/// A field that may hold a text.
pub fn text_or_null<T>(read: impl Fn(&T) -> Option<&str> + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        match read(of) {
            Some(text) => write_text(text, out),
            None => out.extend_from_slice(b"null"),
        }
        Some(())
    })
}

/// A field that holds a text which is made for it.
pub fn made_text<T>(read: impl Fn(&T) -> String + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_text(&read(of), out);
        Some(())
    })
}

/// A field that holds an id.
pub fn id<T>(read: impl Fn(&T) -> ID + Send + Sync + 'static) -> FieldWriter<T> {
    made_text(move |of| read(of).0)
}

/// A field that holds one of an enum.
pub fn word<T, V: EnumType>(read: impl Fn(&T) -> V + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        let value = read(of);
        let item = V::items().iter().find(|item| item.value == value)?;
        write_text(item.name, out);
        Some(())
    })
}

/// A field that holds an instant.
pub fn instant<T>(read: impl Fn(&T) -> Option<DateTime> + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        match read(of) {
            // Its text has nothing to escape.
            Some(at) => write!(out, "\"{at}\"").ok()?,
            None => out.extend_from_slice(b"null"),
        }
        Some(())
    })
}

/// A field that holds a whole number.
pub fn number<T>(read: impl Fn(&T) -> i64 + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| write!(out, "{}", read(of)).ok())
}

/// A field that holds a scalar or a list: told as the executor tells it.
pub fn leaf<T, V: InputType>(read: impl Fn(&T) -> V + Send + Sync + 'static) -> FieldWriter<T> {
    Box::new(move |of, _, out| {
        write_value(&read(of).to_value(), out);
        Some(())
    })
}

/// A field that holds an object.
pub fn object<T, V: Written>(
    asked: &Asked<'_>,
    read: impl Fn(&T) -> V + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    object_in_memory(asked, move |of, _| Some(read(of)))
}

/// A field that may hold an object.
pub fn object_or_null<T, V: Written>(
    asked: &Asked<'_>,
    read: impl Fn(&T, &Ctx) -> Option<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(asked)?;
    Some(Box::new(move |of, app, out| match read(of, app) {
        Some(inner) => writer.write(&inner, app, out),
        None => {
            out.extend_from_slice(b"null");
            Some(())
        }
    }))
}

/// A field that holds an object which may have to be fetched: none of it is written where it is not in memory.
pub fn object_in_memory<T, V: Written>(
    asked: &Asked<'_>,
    read: impl Fn(&T, &Ctx) -> Option<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(asked)?;
    Some(Box::new(move |of, app, out| writer.write(&read(of, app)?, app, out)))
}

/// A field that holds a list of objects.
pub fn list<T, V: Written>(
    asked: &Asked<'_>,
    read: impl Fn(&T) -> Vec<V> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    list_in_memory(asked, move |of, _| Some(read(of)))
}

/// A field that holds a list of objects which may have to be fetched: none of it is written where it is not in memory.
pub fn list_in_memory<T, V: Written>(
    asked: &Asked<'_>,
    read: impl Fn(&T, &Ctx) -> Option<Vec<V>> + Send + Sync + 'static,
) -> Option<FieldWriter<T>> {
    let writer = SelectionWriter::<V>::read(asked)?;
    Some(Box::new(move |of, app, out| write_list(&writer, read(of, app)?, app, out)))
}

/// A list that is empty, whatever is asked of its rows.
pub fn nothing<T>() -> FieldWriter<T> {
    Box::new(|_, _, out| {
        out.extend_from_slice(b"[]");
        Some(())
    })
}
