// What the exit codes of the queue protocol mean (reference 0.8).

#include "queue/submit.h"

namespace porpoise::queue {
namespace {

const char* meaning(int code) {
  switch (code) {
    case 0:
      return "queued";
    case 11:
    case 115:
      return "envelope address too long (#5.1.3)";
    case 31:
      return "message refused (#5.3.0)";
    case 51:
      return "out of memory (#4.3.0)";
    case 52:
      return "timed out (#4.3.0)";
    case 53:
      return "disk full or write error (#4.3.0)";
    case 54:
      return "cannot read message or envelope (#4.3.0)";
    case 55:
      return "cannot read configuration (#4.3.0)";
    case 56:
      return "nobody is there to take the message (#4.3.0)";
    case 61:
      return "cannot enter the instance (#4.3.0)";
    case 62:
    case 63:
    case 64:
    case 65:
    case 66:
      return "cannot create files in the queue (#4.3.0)";
    case 71:
      return "message refused for now (#4.3.0)";
    case 72:
      return "connection timed out (#4.4.1)";
    case 73:
      return "connection refused (#4.4.1)";
    case 74:
      return "communication failed (#4.4.2)";
    case 81:
    case 91:
      return "internal error (#4.3.0)";
    case 120:
      return "cannot be started (#4.3.0)";
    default:
      return nullptr;
  }
}

}  // namespace

Fate fate_of(int code) {
  return (code >= 11 && code <= 40) || code == 115 ? Fate::permanent : Fate::temporary;
}

std::string text_of(int code) {
  if (const char* text = meaning(code)) return fmt::format("queue: {}", text);
  return fate_of(code) == Fate::permanent ? fmt::format("queue: message refused (#5.3.0)")
                                          : fmt::format("queue: failed, code {} (#4.3.0)", code);
}

}  // namespace porpoise::queue
