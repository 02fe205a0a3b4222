//! Vendors that read their own documents differently than we do: what happens with the defaults, and that the setting corrects it.

mod secutix;
