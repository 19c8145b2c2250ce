//! The pages: one file per page with its data, its sample and its handlers, and one template in `templates/web`.
//!
//! Handlers call the same verbs as the JSON API and decide nothing themselves. Every page works without JavaScript;
//! every word comes from the catalogue. Read `render` next.

pub mod account;
pub mod ask_link;
pub mod assets;
pub mod canned;
pub mod cards;
mod clocks;
pub mod conversation;
pub mod dev_inbound;
pub mod dev_mail;
pub mod error;
pub mod form;
pub mod form_data;
pub mod format;
pub mod frame;
mod helpers;
pub mod joins;
pub mod keys;
pub mod lists;
pub mod login;
pub mod login_code;
pub mod mail;
mod mail_flow;
pub mod mailboxes;
pub mod mailed_link;
pub mod message_html;
pub mod new;
pub mod parts;
pub mod queue;
pub mod rail;
pub mod rate;
pub mod reader;
pub mod recipients;
pub mod render;
pub mod replay;
pub mod samples;
pub mod settings;
pub mod spam_rules;
pub mod story;
pub mod ticket;
pub mod ticket_acts;
pub mod ticket_show;
pub mod two_factor;
pub mod unsubscribe;
pub mod words;
