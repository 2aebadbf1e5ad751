// The cases of headers: their fields, folding, parts, trace and dates.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "libmail/content.h"
#include "libmail/corpus_cases_test.h"
#include "libmail/date.h"
#include "libmail/date_reader.h"
#include "libmail/encoded_word.h"
#include "libmail/field_splitter.h"
#include "libmail/fold.h"
#include "libmail/message_id.h"
#include "libmail/mime.h"
#include "libmail/received.h"
#include "libmail/reply.h"
#include "libmail/trace.h"

namespace porpoise::mail {
namespace {

using corpus::escaped;
using corpus::Verdict;

Verdict fault_verdict(const FieldFault& fault) {
  return tl::make_unexpected(fmt::format("{} {}", fault.at, fault.text));
}

std::string line_of(std::string_view name, std::string_view body) {
  return fmt::format("{}: {}\n", escaped(name), escaped(field_value(body)));
}

std::string end_of(Header::End end, std::string_view body) {
  if (end == Header::End::input) return "no body";
  return fmt::format("{}: {}", end == Header::End::empty_line ? "body" : "not a field",
                     escaped(body));
}

// Line ends as HeaderReader stores them.
std::string with_lf(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find("\r\n"); at != std::string::npos; at = out.find("\r\n", at + 1)) {
    out.erase(at, 1);
  }
  return out;
}

// Every field's name and value, on one line; then what ends the header, and the body.
CORPUS_KIND(HeaderFields, "header") {
  HeaderReader reader;
  const std::string_view rest = input.substr(reader.feed(input));
  const Result<Header> header = std::move(reader).finish();
  if (!header) return tl::make_unexpected("0 " + header.error().text);
  std::string read;
  for (std::size_t i = 0; i < header->size(); ++i) {
    read += line_of(header->field(i).name, header->field(i).body);
  }
  read += end_of(header->end(), std::string(header->body_begin()).append(rest));

  FieldSplitter splitter(input);
  std::string split;
  for (FieldSlice field; splitter.next(field);) split += line_of(field.name, with_lf(field.body));
  EXPECT_EQ(split + end_of(splitter.end(), splitter.body()), read);
  return read;
}

CORPUS_KIND(ReplyField, "reply") {
  HeaderReader reader;
  reader.feed(input);
  const Result<Header> header = std::move(reader).finish();
  if (!header) return tl::make_unexpected("0 " + header.error().text);
  const auto field = reply_field(*header);
  return field ? fmt::format("{}: {}", field->name, field_value(field->body)) : "nobody";
}

CORPUS_KIND(Hops, "hops") {
  TraceScan scan;
  scan.feed(input);
  return fmt::format("{} received, {} delivered", scan.received(), scan.delivered());
}

CORPUS_KIND(ReceivedClauses, "received") {
  const Received r = parse_received(input);
  std::string text;
  const std::pair<std::string_view, std::string_view> clauses[] = {
      {"from", r.from}, {"by", r.by}, {"via", r.via},
      {"with", r.with}, {"id", r.id}, {"for", r.recipient}};
  for (const auto& [name, value] : clauses) {
    if (!value.empty()) text += fmt::format("{}: {}\n", name, escaped(unfold(value)));
  }
  return text + (r.date ? print_date(r.date->seconds, r.date->offset_minutes) : "no date");
}

CORPUS_KIND(Unfold, "unfold") {
  return escaped(unfold(input));
}

Verdict folded(std::string_view input, FoldMode mode) {
  const std::string text = fold(input, mode);
  EXPECT_EQ(unfold(text), unfold(input));
  return escaped(text);
}
CORPUS_KIND(FoldUnstructured, "fold unstructured") {
  return folded(input, FoldMode::unstructured);
}
CORPUS_KIND(FoldStructured, "fold structured") {
  return folded(input, FoldMode::structured);
}

Verdict date(std::string_view input, DateMode mode) {
  const auto date = parse_date(input, mode);
  if (!date) return fault_verdict(date.error());
  const std::string print = print_date(date->seconds, date->offset_minutes);
  EXPECT_EQ(parse_date(print), date);
  return print;
}
CORPUS_KIND(DateStrict, "date strict") {
  const Verdict strict = date(input, DateMode::strict);
  if (strict) {
    EXPECT_EQ(*strict, date(input, DateMode::lenient).value_or("refused"));
  }
  return strict;
}
CORPUS_KIND(DateLenient, "date lenient") {
  return date(input, DateMode::lenient);
}

Verdict message_id(std::string_view input, MessageIdMode mode) {
  const auto id = parse_message_id(input, mode);
  if (!id) return fault_verdict(id.error());
  return escaped(*id);
}
CORPUS_KIND(MessageIdStrict, "message-id strict") {
  const Verdict strict = message_id(input, MessageIdMode::strict);
  if (strict) {
    EXPECT_EQ(*strict, message_id(input, MessageIdMode::lenient).value_or("refused"));
  }
  return strict;
}
CORPUS_KIND(MessageIdLenient, "message-id lenient") {
  return message_id(input, MessageIdMode::lenient);
}
CORPUS_KIND(MessageIds, "message-ids") {
  return fmt::format("{}", fmt::join(find_message_ids(input), "\n"));
}

CORPUS_KIND(DecodeWords, "encoded-words") {
  return escaped(decode_words(input));
}
CORPUS_KIND(PrintUnstructured, "print unstructured") {
  const std::string field = print_unstructured("Subject", input);
  EXPECT_EQ(decode_words(field_value(std::string_view(field).substr(8))), input);
  return escaped(field);
}

std::string content_line(const Content& content) {
  std::string text = content.value;
  for (const ContentParameter& p : content.parameters) {
    text += fmt::format("; {}={}", p.name, escaped(p.value));
  }
  return text + (content.repaired ? " (repaired)" : "");
}
CORPUS_KIND(ContentType, "content-type") {
  const auto content = parse_content_type(input);
  if (!content) return fault_verdict(content.error());
  return content_line(*content);
}
CORPUS_KIND(ContentToken, "content-token") {
  const auto content = parse_content_token(input);
  if (!content) return fault_verdict(content.error());
  return content_line(*content);
}

// A line a part, with its depth in front.
CORPUS_KIND(MimeParts, "mime") {
  std::string text;
  MimeWalker walker(input);
  for (MimePart part; walker.next(part);) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{} {}", part.depth, content_line(part.type));
    if (part.kind == MimePart::Kind::leaf) text += fmt::format(": {}", escaped(part.body));
  }
  return text;
}

}  // namespace
}  // namespace porpoise::mail
