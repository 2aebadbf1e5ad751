// Dot-files: what each line says, and by which names a dot-file is looked for. dot-qmail(5);
// reference sections 7.2 and 7.3.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace porpoise::mail {

/// One line, told by its first octet. Blanks and tabs at its end do not count, blanks at its
/// beginning do; a NUL ends it; a CR is text like any other.
struct DotLine {
  enum class Kind {
    nothing,       ///< blank
    comment,       ///< "#..."
    program,       ///< "|COMMAND": for /bin/sh -c
    forward,       ///< "&ADDRESS", or ADDRESS alone: in envelope form, taken as it is
    maildir,       ///< "./NAME/" or "/NAME/"
    mbox,          ///< "./NAME" or "/NAME"
    forward_only,  ///< "+list": no file or program line may follow
    unknown,       ///< "+" and any other word: means nothing
  };
  Kind kind = Kind::nothing;
  std::string text;  ///< the command, address, path or word, without what tells the kind
  int number = 0;    ///< from 1
};

/// All the lines in order. A last line without LF counts; an empty text has none.
std::vector<DotLine> parse_dot_file(std::string_view text);

/// A file (mbox, Maildir) or a program: what a forward-only dot-file may not name.
bool is_file_or_program(DotLine::Kind kind);

/// The extension as dot-file names have it: ASCII lower case, each "." as ":".
std::string safe_extension(std::string_view ext);

/// A name to look for.
struct DotName {
  std::string name;  ///< ".qmail-list-default"
  /// Where in the extension the part that "default" stands for begins; programs get that part as
  /// DEFAULT. Nothing: the name does not end in "default", and DEFAULT is not set.
  std::optional<std::size_t> default_from;
};

/// Every name, in the order in which they are tried: the exact one, then "default" after ever
/// shorter parts that end in a dash, at last after none.
std::vector<DotName> dot_file_names(std::string_view dash, std::string_view ext);

}  // namespace porpoise::mail
