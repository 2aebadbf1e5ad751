#include "libmail/field_splitter.h"

#include <cstring>

#include "libmail/field_name_run.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

bool FieldSplitter::next(FieldSlice& field) {
  if (body_ != nullptr) return false;
  const char* name_end = name_run_end(at_, end_);
  count_steps(1 + static_cast<std::uint64_t>(name_end - at_));
  const auto size = static_cast<std::size_t>(name_end - at_);
  if (size > 0 && size <= name_octets_ && name_end != end_ && *name_end == ':') {
    return take_field(name_end, name_end, field);
  }
  return take_odd_line(name_end, field);
}

// What is no name with a colon directly after it.
bool FieldSplitter::take_odd_line(const char* name_end, FieldSlice& field) {
  if (at_ == end_) return finish(Header::End::input, end_);
  if (*at_ == '\n') return finish(Header::End::empty_line, at_ + 1);
  if (view(at_, end_).starts_with("\r\n")) return finish(Header::End::empty_line, at_ + 2);
  if (name_end == at_ || static_cast<std::size_t>(name_end - at_) > name_octets_) {
    return finish(Header::End::not_a_field, at_);
  }
  const char* colon = name_end;
  while (colon != end_ && is_blank(*colon)) ++colon;
  count_steps(static_cast<std::uint64_t>(colon - name_end));
  const bool fits = static_cast<std::size_t>(colon - at_) <= name_octets_;
  if (fits && colon != end_ && *colon == ':') return take_field(name_end, colon, field);
  if (view(at_, end_).starts_with("From ")) return take_mbox_line(field);
  return finish(Header::End::not_a_field, at_);
}

bool FieldSplitter::take_field(const char* name_end, const char* colon, FieldSlice& field) {
  const char* end = field_end(colon + 1);
  field = {view(at_, end), view(at_, name_end), view(colon + 1, end)};
  at_ = end;
  return true;
}

bool FieldSplitter::take_mbox_line(FieldSlice& field) {
  const char* end = field_end(at_);
  field = {view(at_, end), "MBOX-Line", view(at_, end)};
  at_ = end;
  return true;
}

// After the last line of the field whose present line goes on at `from`.
const char* FieldSplitter::field_end(const char* from) const {
  for (const char* at = from;;) {
    const void* found = std::memchr(at, '\n', static_cast<std::size_t>(end_ - at));
    const char* lf = static_cast<const char*>(found);
    count_steps(static_cast<std::uint64_t>((found == nullptr ? end_ : lf) - at));
    if (found == nullptr) return end_;
    at = lf + 1;
    if (at == end_ || !is_blank(*at)) return at;
  }
}

bool FieldSplitter::finish(Header::End over, const char* body) {
  over_ = over;
  body_ = body;
  return false;
}

}  // namespace porpoise::mail
