// SPDX-License-Identifier: GPL-2.0

//! The administrator's rules of access: for a path and all below it, they take the place of what
//! the creators of topics say.

use crate::bus::access::Access;
use crate::bus::text::Text;
use crate::sys::Map;
use crate::sys::NoMemory;
use crate::wire::message::MAX_RULES;
use crate::wire::refusal::Refusal;

/// A set of rules, one for each prefix.
pub(crate) struct Policy {
    rules: Map<Text, Access>,
}

impl Policy {
    /// No rules.
    pub(crate) fn new() -> Self {
        Self { rules: Map::new() }
    }

    /// Adds a rule for a path and all below it; the empty path is all topics.
    pub(crate) fn add(&mut self, prefix: &str, access: Access) -> Result<(), Refusal> {
        let prefix = Text::new(prefix)?;
        if self.rules.get(&prefix).is_some() {
            return Err(Refusal::RuleTwice);
        }
        if self.rules.len() >= MAX_RULES {
            return Err(Refusal::TooManyRules);
        }
        self.rules.try_insert(prefix, access)?;
        Ok(())
    }

    /// What the rule with the longest prefix of this name says. `prefix` is [`Text::scratch`]: with it
    /// this cannot fail.
    pub(super) fn access(
        &self,
        name: &Text,
        prefix: &mut Text,
    ) -> Result<Option<Access>, NoMemory> {
        if self.rules.len() == 0 {
            return Ok(None);
        }
        prefix.copy_from(name)?;
        loop {
            if let Some(access) = self.rules.get(prefix) {
                return Ok(Some(*access));
            }
            if !prefix.shorten() {
                return Ok(None);
            }
        }
    }

    /// The rules by prefix.
    pub(super) fn rules(&mut self) -> &mut Map<Text, Access> {
        &mut self.rules
    }
}
