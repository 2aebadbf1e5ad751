#include "libmail/reply.h"

namespace porpoise::mail {

std::optional<FieldView> reply_field(const Header& header) {
  std::optional<FieldView> from;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const FieldView field = header.field(i);
    if (field.known == FieldName::reply_to) return field;
    if (field.known == FieldName::from && !from) from = field;
  }
  return from;
}

}  // namespace porpoise::mail
