#include "local/carry_out.h"

#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

#include "libmail/dot_file.h"
#include "libmail/trace.h"
#include "local/forward.h"
#include "local/mbox.h"
#include "local/program.h"
#include "local/progress.h"
#include "local/search.h"
#include "posix/file.h"
#include "posix/program.h"

namespace porpoise::local {
namespace {

using mail::DotLine;
using Kind = DotLine::Kind;

// The report is for people; where it cannot be written, the exit code still tells.
void say(std::string_view text) {
  (void)posix::write_all(1, fmt::format("{}\n", text), "the report");
}
void warn(std::string_view text) {
  (void)posix::write_all(2, fmt::format("warning: {}\n", posix::printable(text)), "the report");
}

tl::unexpected<Error> later(Error error) {
  error.fate = Fate::temporary;
  return tl::make_unexpected(std::move(error));
}

Result<> check_message(int message) {
  Result<struct stat> st = posix::stat_of(message, "the message");
  if (!st) return temporary("{} (#4.3.0)", st.error().text);
  if (!S_ISREG(st->st_mode)) return temporary("descriptor 0 is not a regular file (#4.3.0)");
  return {};
}

Result<> check_loop(const Delivery& delivery, int message) {
  mail::TraceScan scan(delivered_to_line(delivery));
  char room[16384];
  for (off_t offset = 0; !scan.looping() && !scan.done();) {
    Result<std::size_t> n = posix::read_at(message, room, offset, "the message");
    if (!n) return temporary("{} (#4.3.0)", n.error().text);
    if (*n == 0) break;
    scan.feed({room, *n});
    offset += static_cast<off_t>(*n);
  }
  if (!scan.looping()) return {};
  return permanent("this message is looping: it already has my Delivered-To line (#5.4.6)");
}

class Run {
 public:
  Run(const Delivery& delivery, const Settings& settings, DotFile file, const Owners& owners)
      : delivery_(delivery),
        settings_(settings),
        file_(std::move(file)),
        lines_(mail::parse_dot_file(file_.text)),
        head_(return_path_line(delivery.sender) + delivered_to_line(delivery)),
        new_sender_(new_sender(delivery, owners.owner, owners.owner_default)) {}

  Result<int> run() {
    recall();
    if (settings_.only_show) warn_of_surprises();
    Result<int> code = carry_out_lines();
    if (!code || *code != 0) return code;
    if (Result<> sent = send_forwards(); !sent) return failed(sent);
    say(fmt::format("did {}+{}+{}", files_, forwards_.size(), programs_));
    if (!progress_.sent.empty()) say(fmt::format("qp {}", progress_.sent));
    return 0;
  }

 private:
  /// What became of a line.
  enum class Next { go_on, stop, never, later };

  void recall();
  void warn_of_surprises() const;
  Result<int> carry_out_lines();
  Result<Next> one_line(const DotLine& line);
  Result<Next> to_maildir(const DotLine& line);
  Result<Next> to_mbox(const DotLine& line);
  Result<Next> to_program(const DotLine& line);
  Result<> send_forwards();
  void show(const DotLine& line) const;
  void count(Kind kind);
  void note() const;

  const Delivery& delivery_;
  const Settings& settings_;
  DotFile file_;
  std::vector<DotLine> lines_;
  std::string head_;
  std::string new_sender_;
  std::vector<std::string> environment_;  // made for the first program
  HeldSignals signals_;
  Progress progress_;
  std::vector<std::string> forwards_;
  int files_ = 0;
  int programs_ = 0;
};

void Run::recall() {
  progress_.dot_file = checksum(file_.text);
  if (settings_.earlier.empty()) return;
  const std::optional<Progress> earlier = decode(settings_.earlier);
  if (!earlier) {
    say("the note of the last attempt makes no sense: beginning anew");
  } else if (earlier->dot_file != progress_.dot_file) {
    say(fmt::format("{} has changed since the last attempt: beginning anew", file_.name));
  } else {
    progress_ = *earlier;
  }
}

void Run::warn_of_surprises() const {
  if (std::ranges::all_of(lines_, [](const DotLine& line) {
        return line.kind == Kind::nothing || line.kind == Kind::comment ||
               line.kind == Kind::forward_only || line.kind == Kind::unknown;
      })) {
    warn(fmt::format("{} has no delivery line: the message would be thrown away", file_.name));
  }
  for (const DotLine& line : lines_) {
    if (!line.text.ends_with('\r') || line.kind == Kind::comment) continue;
    warn(fmt::format("{} line {} ends in a CR, which counts", file_.name, line.number));
  }
}

// 0: done with all of them, or told to stop.
Result<int> Run::carry_out_lines() {
  if (lines_.empty() || lines_.front().kind == Kind::nothing) {
    return temporary("the first line of {} is blank (#4.2.1)", file_.name);
  }
  for (const DotLine& line : lines_) {
    Result<Next> next = one_line(line);
    if (!next) return failed(next);
    switch (*next) {
      case Next::go_on:
        continue;
      case Next::stop:
        return 0;
      case Next::never:
        return 100;
      case Next::later:
        return 111;
    }
  }
  return 0;
}

Result<Run::Next> Run::one_line(const DotLine& line) {
  if (line.kind == Kind::forward_only) file_.forward_only = true;
  if (line.kind == Kind::forward) {
    if (line.text.empty()) {
      return temporary("{} line {} forwards to no address (#4.2.1)", file_.name, line.number);
    }
    forwards_.push_back(line.text);
    if (settings_.only_show) show(line);
  }
  if (!mail::is_file_or_program(line.kind)) return Next::go_on;

  if (file_.forward_only) {
    return temporary("{} line {} names a file or program, but {} is for forwarding only (#4.7.0)",
                     file_.name, line.number, file_.name);
  }
  count(line.kind);
  if (settings_.only_show) {
    show(line);
    return Next::go_on;
  }
  if (line.number <= progress_.done) {
    return progress_.stopped && line.number == progress_.done ? Next::stop : Next::go_on;
  }
  if (signals_.wait(std::chrono::milliseconds(0)) == HeldSignals::Woken::end) {
    return temporary("the delivery was told to end (#4.3.0)");
  }
  Result<Next> next = line.kind == Kind::maildir ? to_maildir(line)
                      : line.kind == Kind::mbox  ? to_mbox(line)
                                                 : to_program(line);
  if (next && (*next == Next::go_on || *next == Next::stop)) {
    progress_.done = line.number;
    progress_.stopped = *next == Next::stop;
    note();
  }
  return next;
}

Result<Run::Next> Run::to_maildir(const DotLine& line) {
  Result<posix::UniqueFd> message = open_again(settings_.message);
  if (!message) return failed(message);
  Result<std::string> name =
      maildir::deliver(line.text, head_, message->get(), settings_.maildir_world);
  if (!name) return temporary("delivering to {}: {} (#4.2.1)", line.text, name.error().text);
  return Next::go_on;
}

Result<Run::Next> Run::to_mbox(const DotLine& line) {
  const std::string head = from_line(delivery_.sender, settings_.wall_us) + head_;
  Result<> done =
      append_to_mbox(line.text, head, settings_.message, settings_.lock_patience, signals_);
  if (!done) return failed(done);
  return Next::go_on;
}

Result<Run::Next> Run::to_program(const DotLine& line) {
  if (environment_.empty()) {
    environment_ = environment_of(delivery_, {.wall_us = settings_.wall_us,
                                              .new_sender = new_sender_,
                                              .default_part = file_.default_part,
                                              .program_folder = settings_.program_folder,
                                              .instance = settings_.instance.value_or("")});
  }
  Result<posix::Ended> ended = run_program({.command = line.text,
                                            .environment = environment_,
                                            .message = settings_.message,
                                            .limit = settings_.program_limit},
                                           signals_);
  if (!ended) return failed(ended);
  switch (verdict_of(*ended)) {
    case Verdict::done:
      return Next::go_on;
    case Verdict::stop:
      return Next::stop;
    case Verdict::never:
      return Next::never;  // its own words are the report
    case Verdict::later:
      break;
  }
  // These words are seen where the message waits, by those who can mend it.
  return temporary("{} line {}: {} (#4.3.0)", file_.name, line.number, ended->text());
}

Result<> Run::send_forwards() {
  if (forwards_.empty() || settings_.only_show || !progress_.sent.empty()) return {};
  Result<Instance> instance = Instance::find(settings_.instance);
  if (!instance) return later(std::move(instance.error()));
  Result<posix::UniqueFd> message = open_again(settings_.message);
  if (!message) return failed(message);
  Result<std::string> id =
      forward(*instance, new_sender_, forwards_, delivered_to_line(delivery_), message->get());
  if (!id) return failed(id);
  progress_.sent = id->empty() ? "-" : *id;
  note();
  return {};
}

void Run::show(const DotLine& line) const {
  const std::string where = settings_.explain ? fmt::format("line {}: ", line.number) : "";
  const char* word = line.kind == Kind::program   ? "program"
                     : line.kind == Kind::forward ? "forward"
                     : line.kind == Kind::mbox    ? "mbox"
                                                  : "maildir";
  say(fmt::format("{}{} {}", where, word, line.text));
}

void Run::count(Kind kind) {
  ++(kind == Kind::program ? programs_ : files_);
}

// A note that is lost costs a repeated line after a failure, never a delivery.
void Run::note() const {
  if (settings_.note_fd < 0) return;
  (void)posix::write_all(settings_.note_fd, encode(progress_) + '\0', "a progress note");
}

std::string shown_name(const DotFile& file, const Delivery& delivery) {
  if (!file.name.starts_with('.')) return fmt::format("none: {}", file.name);
  return fmt::format("{}/{}{}", delivery.home, file.name,
                     file.forward_only ? ", for forwarding only" : "");
}

}  // namespace

Result<int> carry_out(const Delivery& delivery, const Settings& settings) {
  Result<std::string> warning = enter_home(delivery.home, settings.only_show);
  if (!warning) return failed(warning);
  if (!warning->empty()) warn(*warning);
  if (!settings.only_show) {
    if (Result<> done = check_message(settings.message); !done) return failed(done);
    if (Result<> done = check_loop(delivery, settings.message); !done) return failed(done);
  }
  Result<DotFile> file = find_dot_file(delivery);
  if (!file) return failed(file);
  if (settings.explain) say(fmt::format("dot-file: {}", shown_name(*file, delivery)));
  Result<Owners> owners = find_owners(delivery);
  if (!owners) return failed(owners);
  return Run(delivery, settings, std::move(*file), *owners).run();
}

}  // namespace porpoise::local
