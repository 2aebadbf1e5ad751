#include "inject/field_kind.h"

#include <algorithm>

#include "libmail/address.h"

namespace porpoise::inject {

using mail::FieldName;

Treatment treatment_of(FieldName name) {
  switch (name) {
    case FieldName::to:
    case FieldName::cc:
    case FieldName::apparently_to:
    case FieldName::resent_to:
    case FieldName::resent_cc:
      return Treatment::recipients;
    case FieldName::bcc:
    case FieldName::resent_bcc:
      return Treatment::hidden_recipients;
    case FieldName::sender:
    case FieldName::from:
    case FieldName::reply_to:
    case FieldName::return_receipt_to:
    case FieldName::errors_to:
    case FieldName::resent_sender:
    case FieldName::resent_from:
    case FieldName::resent_reply_to:
      return Treatment::sender;
    case FieldName::mail_followup_to:
    case FieldName::mail_reply_to:
      return Treatment::reply;
    case FieldName::return_path:
      return Treatment::return_path;
    case FieldName::content_length:
      return Treatment::deleted;
    default:
      return Treatment::untouched;
  }
}

bool is_resent(FieldName name) {
  switch (name) {
    case FieldName::resent_sender:
    case FieldName::resent_from:
    case FieldName::resent_reply_to:
    case FieldName::resent_to:
    case FieldName::resent_cc:
    case FieldName::resent_bcc:
    case FieldName::resent_date:
    case FieldName::resent_message_id:
      return true;
    default:
      return false;
  }
}

bool names_nobody(std::string_view body) {
  const auto list = mail::parse_addresses(body);
  return list && list->groups.empty() && std::ranges::all_of(list->mailboxes, &mail::Mailbox::null);
}

Own::Own(const mail::Header& header) : header_(header), block_end_(header.size()) {
  for (std::size_t i = 0; i < header.size() && block_end_ == header.size(); ++i) {
    const FieldName name = header.field(i).known;
    if (is_resent(name)) resent_ = true;
    if (resent_ && name == FieldName::received) block_end_ = i;
  }
}

bool Own::counts(std::size_t index) const {
  if (!resent_) return true;
  return index < block_end_ && is_resent(header_.field(index).known);
}

}  // namespace porpoise::inject
