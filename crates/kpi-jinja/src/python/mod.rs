//! Python's own library as templates see it: text formatting, methods of built-in types, filters, tests, modules.
