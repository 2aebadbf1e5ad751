#include "libmail/mime.h"

#include <algorithm>
#include <optional>

#include "libmail/field_splitter.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/// A delimiter line.
struct Delimiter {
  std::size_t begin = 0;  // with the line end before it
  std::size_t end = 0;    // after its line end
  bool closing = false;
};

// Whether the line of `text` at `at`, which begins with "--", is one.
std::optional<Delimiter> delimiter_at(std::string_view text, std::size_t at,
                                      std::string_view boundary) {
  std::size_t end = at + 2;
  if (text.substr(end, boundary.size()) != boundary) return std::nullopt;
  count_steps(boundary.size());
  end += boundary.size();
  Delimiter delimiter;
  delimiter.closing = text.substr(end, 2) == "--";
  if (delimiter.closing) end += 2;
  while (end < text.size() && is_blank(text[end])) ++end;
  count_steps(end - at);
  if (text.substr(end, 2) == "\r\n") ++end;
  if (end < text.size() && text[end] != '\n') return std::nullopt;
  delimiter.end = std::min(end + 1, text.size());
  delimiter.begin = at;
  if (at > 0) --delimiter.begin;
  if (at > 1 && text[at - 2] == '\r') --delimiter.begin;
  return delimiter;
}

// The first one; `text` begins with a line.
std::optional<Delimiter> find_delimiter(std::string_view text, std::string_view boundary) {
  for (std::size_t at = 0; at != std::string_view::npos;) {
    count_steps();
    if (text.substr(at).starts_with("--")) {
      if (const auto found = delimiter_at(text, at, boundary)) return found;
    }
    const std::size_t line = text.find("\n--", at);
    count_steps(std::min(line, text.size()) - at);
    at = line == std::string_view::npos ? line : line + 1;
  }
  return std::nullopt;
}

std::string boundary_of(const Content& type) {
  const std::string* boundary = type.parameter("boundary");
  if (boundary == nullptr) return "";
  std::string_view text = *boundary;
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

bool MimeWalker::next(MimePart& part) {
  if (!begun_) {
    begun_ = true;
    give(message_, false, part);
    return true;
  }
  while (!open_.empty() && open_.back().done) open_.pop_back();
  if (open_.empty()) return false;
  Open& from = open_.back();
  if (from.boundary.empty()) {
    from.done = true;
    give(from.rest, false, part);
    return true;
  }
  const auto delimiter = find_delimiter(from.rest, from.boundary);
  const std::string_view text =
      from.rest.substr(0, delimiter ? delimiter->begin : from.rest.size());
  from.done = !delimiter || delimiter->closing;
  if (delimiter) from.rest.remove_prefix(delimiter->end);
  give(text, from.digest, part);
  return true;
}

void MimeWalker::give(std::string_view text, bool in_digest, MimePart& part) {
  part = {};
  part.depth = open_.size();
  part.type.value = in_digest ? "message/rfc822" : "text/plain";
  part.encoding = "7bit";
  bool typed = false;
  bool encoded = false;
  FieldSplitter splitter(text);
  for (FieldSlice field; splitter.next(field);) {
    const FieldName name = field.known();
    if (name == FieldName::content_type && !typed) {
      typed = true;
      if (auto type = parse_content_type(field.body)) part.type = std::move(*type);
    } else if (name == FieldName::content_transfer_encoding && !encoded) {
      encoded = true;
      if (auto word = parse_content_token(field.body)) part.encoding = std::move(word->value);
    }
  }
  part.header = text.substr(0, splitter.header_size());
  part.body = splitter.body();
  open(part);
}

// Gets ready to give what is in `part`, if it holds parts.
void MimeWalker::open(MimePart& part) {
  const std::string& type = part.type.value;
  const bool multipart = type.starts_with("multipart/");
  // Neither may be encoded (RFC 2045 section 6.4); a message that is, is not looked into.
  const bool message = (type == "message/rfc822" || type == "message/global") &&
                       part.encoding != "base64" && part.encoding != "quoted-printable";
  if (!multipart && !message) return;
  if (part.depth == kMaxMimeDepth) {
    part.too_deep = true;
  } else if (multipart && open_multipart(part)) {
    part.kind = MimePart::Kind::multipart;
  } else if (message && open_message(part)) {
    part.kind = MimePart::Kind::message;
  }
}

bool MimeWalker::open_multipart(const MimePart& part) {
  Open open;
  open.boundary = boundary_of(part.type);
  if (open.boundary.empty()) return false;
  const auto first = find_delimiter(part.body, open.boundary);
  if (!first || first->closing) return false;
  open.rest = part.body.substr(first->end);
  open.digest = part.type.value == "multipart/digest";
  open_.push_back(std::move(open));
  return true;
}

bool MimeWalker::open_message(const MimePart& part) {
  if (part.body.empty()) return false;
  Open open;
  open.rest = part.body;
  open_.push_back(std::move(open));
  return true;
}

}  // namespace porpoise::mail
