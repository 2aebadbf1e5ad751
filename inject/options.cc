#include "inject/options.h"

#include <getopt.h>

namespace porpoise::inject {
namespace {

enum Long : int { kHelp = 256, kInstance, kPrintId, kSaveTo, kNobody };

constexpr option kLongOptions[] = {{"help", no_argument, nullptr, kHelp},
                                   {"instance", required_argument, nullptr, kInstance},
                                   {"print-id", no_argument, nullptr, kPrintId},
                                   {"save-to", required_argument, nullptr, kSaveTo},
                                   {"allow-no-recipients", no_argument, nullptr, kNobody},
                                   {nullptr, 0, nullptr, 0}};

void take_option(int letter, InjectCommand& command) {
  Request& request = command.request;
  switch (letter) {
    case 'a':
      request.job.recipients = Recipients::arguments;
      break;
    case 'h':
      request.job.recipients = Recipients::header;
      break;
    case 'A':
      request.job.recipients = Recipients::arguments_or_header;
      break;
    case 'H':
      request.job.recipients = Recipients::both;
      break;
    case 'f':
      request.job.sender = ::optarg;
      break;
    case 'n':
      request.print = true;
      break;
    case 'N':
      request.print = false;
      break;
    case kInstance:
      request.instance = ::optarg;
      break;
    case kPrintId:
      request.print_id = true;
      break;
    case kSaveTo:
      request.save_to = ::optarg;
      break;
    case kNobody:
      request.job.nobody_is_fine = true;
      break;
    case kHelp:
      command.help = true;
      break;
    default:
      break;
  }
}

}  // namespace

const char* const kInjectHelp =
    "usage: inject [-aAhHnN] [-f sender] [--save-to FILE] [--print-id] [--instance DIR]\n"
    "              [recipient ...]\n"
    "Completes the header of the message on standard input and queues it.\n"
    "  -a  send to the recipients named as arguments only\n"
    "  -h  send to the recipients in the header only\n"
    "  -A  to the arguments if there are any, else to those in the header (default)\n"
    "  -H  to both\n"
    "  -f  envelope sender; '' is the null sender\n"
    "  -n  print the completed message instead of queueing it (-N: queue it)\n"
    "  --save-to FILE  keep the message in FILE where it is not taken\n"
    "  --allow-no-recipients\n"
    "                  a message to nobody is no error\n"
    "  --print-id      print the id of the queued message\n"
    "  --instance DIR  the instance to use\n";

Outcome<InjectCommand> parse_inject(int argc, char** argv) {
  InjectCommand command;
  ::optind = 0;  // start anew, also in a test that parsed before
  ::opterr = 0;
  for (;;) {
    const int at = ::optind == 0 ? 1 : ::optind;
    const int letter = ::getopt_long(argc, argv, "+:aAhHnNf:", kLongOptions, nullptr);
    if (letter == -1) break;
    if (letter == '?' || letter == ':') {
      const std::string what = ::optopt > 0 && ::optopt < 256
                                   ? fmt::format("-{}", static_cast<char>(::optopt))
                                   : std::string(argv[at]);
      return refuse(Cause::usage, "{} {} (try --help)",
                    letter == ':' ? "an argument is missing after" : "unknown option", what);
    }
    take_option(letter, command);
  }
  command.request.job.arguments.assign(argv + ::optind, argv + argc);
  return command;
}

}  // namespace porpoise::inject
