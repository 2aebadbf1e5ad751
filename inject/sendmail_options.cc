#include "inject/sendmail_options.h"

#include <getopt.h>

#include "libmail/address.h"

namespace porpoise::inject {
namespace {

using Act = SendmailCommand::Act;

enum Long : int { kHelp = 256, kInstance };

constexpr option kLongOptions[] = {{"help", no_argument, nullptr, kHelp},
                                   {"instance", required_argument, nullptr, kInstance},
                                   {nullptr, 0, nullptr, 0}};

// Letters with ":" take an argument, with "::" only one in the same word.
constexpr const char* kLetters = "+:tif:r:F:o:b:q::B:N:R:V:vmxe:p:h:L:X:C:A:D:O:d::E::J::UGnI";

std::string basename_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// RFC 3461 section 4: what is not printable ASCII, "+" and "=" as "+XX".
std::string xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c > 32 && c < 127 && c != '+' && c != '=') {
      out += c;
    } else {
      out += fmt::format("+{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

// A later option overrides an earlier one.
void set(mail::Parameters& parameters, const char* name, std::string value) {
  std::erase_if(parameters, [&](const auto& p) { return p.first == name; });
  if (!value.empty()) parameters.emplace_back(name, std::move(value));
}

/// One reading of a command line.
class Reading {
 public:
  Outcome<> take(int letter, std::string_view argument) {
    Request& request = command_.request;
    switch (letter) {
      case 't':
        request.job.recipients = Recipients::both;
        return {};
      case 'i':
        request.dot_ends = false;
        return {};
      case 'f':
      case 'r':
        request.job.sender = bare_sender(argument);
        return {};
      case 'F':
        request.name = argument;
        return {};
      case 'o':
        return take_o(argument);
      case 'O':
        return take_long_o(argument);
      case 'b':
        return take_mode(argument);
      case 'q':
        command_.act = command_.act == Act::submit ? Act::run_queue : command_.act;
        return {};
      case 'B':
        return take_body(argument);
      case 'N':
        return take_notify(argument);
      case 'R':
        return take_return(argument);
      case 'V':
        set(request.job.parameters, "ENVID", xtext(argument));
        return {};
      case 'v':
        request.verbose = true;
        return {};
      case 'I':
        command_.act = Act::aliases;
        return {};
      case kHelp:
        command_.act = Act::help;
        return {};
      case kInstance:
        request.instance = argument;
        return {};
      default:
        return {};  // accepted, and of no meaning here
    }
  }

  /// `free`: the operands stand behind "--".
  Outcome<SendmailCommand> finish(std::vector<std::string> operands, bool free) && {
    for (const std::string& operand : operands) {
      if (!free && operand.starts_with('-')) {
        return refuse(Cause::usage,
                      "{} behind an address: options come first; an address like this after --",
                      operand);
      }
    }
    if (command_.act == Act::verify && operands.empty()) {
      return refuse(Cause::usage, "no addresses: -bv and -bt want them as arguments");
    }
    // `sendmail -q` has no message; with recipients or -t it is one of the harmless options.
    const bool message = !operands.empty() || command_.request.job.recipients == Recipients::both;
    if (command_.act == Act::run_queue && message) command_.act = Act::submit;
    command_.request.job.header_is_data = command_.request.job.recipients == Recipients::arguments;
    command_.request.job.arguments = std::move(operands);
    return std::move(command_);
  }

  explicit Reading(Act act) {
    command_.act = act;
    command_.request.dot_ends = true;
    command_.request.sender_is_from = true;
    command_.request.job.recipients = Recipients::arguments;
    command_.request.job.arguments_are_lists = true;
  }

 private:
  Outcome<> take_o(std::string_view argument) {
    if (argument.starts_with('i')) command_.request.dot_ends = false;
    if (argument.starts_with('d')) {
      command_.request.start_send = !argument.starts_with("dq") && !argument.starts_with("dd");
      command_.request.wait = argument.starts_with("di");
    }
    return {};
  }

  // The long names of those that mean something here.
  Outcome<> take_long_o(std::string_view argument) {
    const std::string option = upper(argument);
    if (option.starts_with("IGNOREDOTS=T")) return take_o("i");
    if (option.starts_with("DELIVERYMODE=")) {
      return take_o("d" + std::string(argument.substr(std::string_view("DELIVERYMODE=").size())));
    }
    return {};
  }

  Outcome<> take_mode(std::string_view mode) {
    if (mode == "m") return {};
    if (mode == "p") {
      command_.act = Act::list_queue;
      return {};
    }
    if (mode == "s") {
      command_.act = Act::speak_smtp;
      return {};
    }
    if (mode == "d" || mode == "D") {
      return refuse(Cause::usage, "-b{}: sendmail is no daemon here; start one with: porpoise run",
                    mode);
    }
    if (mode == "i") {
      command_.act = Act::aliases;
      return {};
    }
    if (mode == "t" || mode == "v") {
      command_.act = Act::verify;
      return {};
    }
    return refuse(Cause::usage, "unknown option -b{} (try --help)", mode);
  }

  Outcome<> take_body(std::string_view argument) {
    const std::string type = upper(argument);
    if (type != "7BIT" && type != "8BITMIME") {
      return refuse(Cause::usage, "-B {}: want 7BIT or 8BITMIME", argument);
    }
    set(command_.request.job.parameters, "BODY", type);
    return {};
  }

  Outcome<> take_return(std::string_view argument) {
    const std::string what = upper(argument);
    if (what != "FULL" && what != "HDRS") {
      return refuse(Cause::usage, "-R {}: want full or hdrs", argument);
    }
    set(command_.request.job.parameters, "RET", what);
    return {};
  }

  // RFC 3461 section 4.1: NEVER alone, or any of the others.
  Outcome<> take_notify(std::string_view argument) {
    const std::string list = upper(argument);
    bool good = !list.empty();
    for (std::string_view rest = list; good;) {
      const std::size_t comma = rest.find(',');
      const std::string_view word = rest.substr(0, comma);
      good = word == "SUCCESS" || word == "FAILURE" || word == "DELAY" ||
             (word == "NEVER" && word == list);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    if (!good) {
      return refuse(Cause::usage, "-N {}: want never, or some of success,failure,delay", argument);
    }
    set(command_.request.job.recipient_parameters, "NOTIFY", list);
    return {};
  }

  SendmailCommand command_;
};

}  // namespace

const char* const kSendmailHelp =
    "usage: sendmail [-ti] [-f sender] [-F name] [option ...] [--] [recipient ...]\n"
    "Queues the message on standard input. sendmail(8) tells all options; the common ones:\n"
    "  -t            the recipients are in the header (and in the arguments, if there are any)\n"
    "  -i, -oi       a line of a single dot does not end the message\n"
    "  -f, -r        envelope sender, and From where the message has none; '<>' is the null "
    "sender\n"
    "  -F name       full name in a From that has to be made\n"
    "  -odq          queue only: do not start send\n"
    "  -odi          wait for the first attempt, and tell what it did not deliver\n"
    "  -v            tell what is queued\n"
    "  -B -N -R -V   body type, notices, what they return, envelope id\n"
    "  -bp           list the queue (also as mailq)\n"
    "  -bv           tell whether mail for the recipients would be delivered\n"
    "  -bs           speak SMTP on standard input and output\n"
    "  -q            attempt what is due in the queue\n"
    "  --instance DIR  the instance to use\n";

std::string bare_sender(std::string_view text) {
  if (text.find('<') == std::string_view::npos) return std::string(text);
  const auto list = mail::parse_addresses(text);
  if (!list || list->mailboxes.size() != 1 || !list->groups.empty()) return std::string(text);
  return envelope_address(list->mailboxes[0]);
}

Outcome<SendmailCommand> parse_sendmail(int argc, char** argv) {
  const std::string name = basename_of(argc > 0 ? argv[0] : "sendmail");
  Reading reading(name == "mailq"        ? Act::list_queue
                  : name == "newaliases" ? Act::aliases
                                         : Act::submit);
  ::optind = 0;  // start anew, also in a test that parsed before
  ::opterr = 0;
  for (;;) {
    const int at = ::optind == 0 ? 1 : ::optind;
    const int letter = ::getopt_long(argc, argv, kLetters, kLongOptions, nullptr);
    if (letter == -1) break;
    if (letter == '?' || letter == ':') {
      const std::string what = ::optopt > 0 && ::optopt < 256
                                   ? fmt::format("-{}", static_cast<char>(::optopt))
                                   : std::string(argv[at]);
      return refuse(Cause::usage, "{} {} (try --help)",
                    letter == ':' ? "an argument is missing after" : "unknown option", what);
    }
    Outcome<> done = reading.take(letter, ::optarg != nullptr ? ::optarg : "");
    if (!done) return failed(done);
  }
  const bool free = ::optind > 1 && std::string_view(argv[::optind - 1]) == "--";
  return std::move(reading).finish({argv + ::optind, argv + argc}, free);
}

}  // namespace porpoise::inject
