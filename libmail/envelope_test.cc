#include "libmail/envelope.h"

#include <gtest/gtest.h>

using namespace std::string_literals;

namespace porpoise::mail {
namespace {

using Fault = EnvelopeDecoder::Fault;

std::string shown(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) text += fmt::format(" {}=[{}]", name, value);
  return text;
}

std::string shown(const Envelope& envelope) {
  std::string text = fmt::format("from <{}>{}", envelope.sender, shown(envelope.parameters));
  for (const Recipient& r : envelope.recipients) {
    text += fmt::format("; to <{}>{}", r.address, shown(r.parameters));
  }
  return text;
}

// Decodes `octets` in pieces of `piece`; what is left over is counted at the end.
std::string decode(std::string_view octets, std::size_t piece = 4096, EnvelopeLimits limits = {}) {
  EnvelopeDecoder decoder(limits);
  std::size_t taken = 0;
  while (taken < octets.size()) {
    const std::string_view in = octets.substr(taken, piece);
    const std::size_t n = decoder.feed(in);
    taken += n;
    if (n < in.size()) break;
  }
  if (decoder.fault() != Fault::none) return "fault: " + decoder.fault_text();
  if (!decoder.done()) return "unfinished";
  const std::string rest =
      taken < octets.size() ? fmt::format("; {} left", octets.size() - taken) : "";
  return shown(std::move(decoder).finish()) + rest;
}

const std::string kWhole =
    "Fa@b\0PRET=HDRS\0PENVID=x=y\0Tc@d\0RNOTIFY=NEVER\0Te@f\0T\0RORCPT=rfc822;g\0\0"s;

TEST(Envelope, AllThatIsThereIsRead) {
  EXPECT_EQ(decode("Fa@b\0Tc@d\0\0"s), "from <a@b>; to <c@d>");
  EXPECT_EQ(decode("F\0T a  b@c\0\0"s), "from <>; to < a  b@c>");
  EXPECT_EQ(decode("F#@[]\0\0"s), "from <#@[]>") << "no recipients is fine";
  EXPECT_EQ(decode("F\0T\xff\n\0\0"s), "from <>; to <\xff\n>");
  EXPECT_EQ(decode(kWhole),
            "from <a@b> RET=[HDRS] ENVID=[x=y]; to <c@d> NOTIFY=[NEVER]; to <e@f>; to <> "
            "ORCPT=[rfc822;g]");
}

TEST(Envelope, WhatFollowsTheFinalNulIsNotOurs) {
  EXPECT_EQ(decode("Fa\0Tb\0\0Tc\0\0"s), "from <a>; to <b>; 4 left");
}

TEST(Envelope, ItNeverDependsOnWhereThePiecesSplit) {
  for (const std::string& octets :
       {kWhole, "Fa\0X"s, "Fa\0Tb\0Fc\0\0"s, "Fa\0Pnothing\0\0"s, "Fa\0Tb\0\0rest"s}) {
    for (std::size_t piece = 1; piece <= octets.size(); ++piece) {
      EXPECT_EQ(decode(octets, piece), decode(octets)) << piece;
    }
  }
}

TEST(Envelope, EveryBeginningIsUnfinished) {
  for (std::size_t n = 0; n < kWhole.size(); ++n) {
    EXPECT_EQ(decode(kWhole.substr(0, n)), "unfinished") << n;
  }
}

TEST(Envelope, BadLettersAreNamedWithTheirRecord) {
  EXPECT_EQ(decode("X"), "fault: record 1: unknown letter 'X'");
  EXPECT_EQ(decode("\0"s), "fault: record 1: no sender before letter octet 0");
  EXPECT_EQ(decode("Tc@d\0\0"s), "fault: record 1: no sender before letter 'T'");
  EXPECT_EQ(decode("Pa=b\0"s), "fault: record 1: no sender before letter 'P'");
  EXPECT_EQ(decode("Fa\0Fb\0"s), "fault: record 2: misplaced letter 'F'");
  EXPECT_EQ(decode("Fa\0Rx=y\0"s), "fault: record 2: misplaced letter 'R'");
  EXPECT_EQ(decode("Fa\0Tb\0Px=y\0"s), "fault: record 3: misplaced letter 'P'");
  EXPECT_EQ(decode("Fa\0Tb\0\xe9\0"s), "fault: record 3: unknown letter octet 233");
  EXPECT_EQ(decode("Fa\0tb\0\0"s), "fault: record 2: unknown letter 't'");
}

TEST(Envelope, ParametersNeedAName) {
  EXPECT_EQ(decode("Fa\0PRET\0\0"s), "fault: record 2: want name=value after letter 'P'");
  EXPECT_EQ(decode("Fa\0Tb\0R=x\0\0"s), "fault: record 3: want name=value after letter 'R'");
  EXPECT_EQ(decode("Fa\0PA=\0\0"s), "from <a> A=[]");
}

TEST(Envelope, AnAddressOf1002OctetsIsTheLongest) {
  for (const char letter : {'F', 'T'}) {
    const std::string before = letter == 'F' ? ""s : "F\0"s;
    const std::string longest = before + letter + std::string(1002, 'x');
    EXPECT_EQ(decode(longest + "\0\0"s).substr(0, 4), "from");
    const std::string what =
        fmt::format("fault: record {}: address too long", letter == 'F' ? 1 : 2);
    EXPECT_EQ(decode(longest + "x"), what) << "told before its end is seen";
    EXPECT_EQ(decode(longest + "x\0\0"s, 1), what);
  }
}

TEST(Envelope, ParametersHaveTheirLimit) {
  const EnvelopeLimits limits{.parameter_octets = 5};
  EXPECT_EQ(decode("Fa\0PAB=CD\0\0"s, 3, limits), "from <a> AB=[CD]");
  EXPECT_EQ(decode("Fa\0PAB=CDE\0\0"s, 3, limits), "fault: record 2: parameter too long");
}

TEST(Envelope, TheWholeHasItsLimits) {
  const std::string octets = "Fa@b\0Tc@d\0\0"s;
  for (std::size_t piece = 1; piece <= octets.size(); ++piece) {
    EXPECT_EQ(decode(octets, piece, {.total_octets = 11}), "from <a@b>; to <c@d>") << piece;
    for (std::size_t total = 0; total < octets.size(); ++total) {
      const std::string got = decode(octets, piece, {.total_octets = total});
      EXPECT_TRUE(got.ends_with("envelope too large"))
          << total << " in pieces of " << piece << ": " << got;
    }
  }
  EXPECT_EQ(decode(octets, 1, {.records = 1}), "fault: record 2: too many records");
  EXPECT_EQ(decode(octets, 1, {.records = 2}), "from <a@b>; to <c@d>");
}

TEST(Envelope, NothingIsTakenAfterAFault) {
  EnvelopeDecoder decoder;
  EXPECT_EQ(decoder.feed("Fa\0Xb"s), 3u);
  EXPECT_EQ(decoder.fault(), Fault::bad_letter);
  EXPECT_EQ(decoder.feed("Tb\0\0"s), 0u);
  EXPECT_FALSE(decoder.done());
}

TEST(Envelope, EncodingIsReadBackTheSame) {
  EnvelopeDecoder decoder;
  ASSERT_EQ(decoder.feed(kWhole), kWhole.size());
  const Envelope envelope = std::move(decoder).finish();
  EXPECT_EQ(encode(envelope).value(), kWhole);
  EXPECT_EQ(encode(envelope, false).value(), "Fa@b\0Tc@d\0Te@f\0T\0\0"s);
}

TEST(Envelope, WhatCannotBeWrittenIsRefused) {
  EXPECT_EQ(encode({.sender = "a\0b"s}).error().text, "sender address holds a NUL");
  EXPECT_EQ(encode({.recipients = {{.address = "\0"s}}}).error().text,
            "recipient address holds a NUL");
  EXPECT_EQ(encode({.parameters = {{"A", "\0"s}}}).error().text, "envelope parameter holds a NUL");
  EXPECT_EQ(encode({.parameters = {{"A=B", "c"}}}).error().text,
            "envelope parameter \"A=B\": not a name");
  EXPECT_EQ(encode({.parameters = {{"", "c"}}}).error().fate, Fate::permanent);
}

// RFC 3461 section 4.1
TEST(Notify, AFailureIsToldUnlessItsSenderSaysOtherwise) {
  const auto wants = [](Parameters parameters) {
    return wants_failure_notice({"a@b", std::move(parameters)});
  };
  EXPECT_TRUE(wants({}));
  EXPECT_TRUE(wants({{"ORCPT", "rfc822;NEVER"}}));
  for (const char* told : {"FAILURE", "failure", "SUCCESS,FAILURE", "DELAY,Failure,SUCCESS", "",
                           "NONE", "NEVER,X", "NEVERR", "SUCCESS,", "DELAY;SUCCESS"}) {
    EXPECT_TRUE(wants({{"NOTIFY", told}})) << told;
  }
  for (const char* untold :
       {"NEVER", "never", "SUCCESS", "DELAY", "SUCCESS,DELAY", "success,delay"}) {
    EXPECT_FALSE(wants({{"NOTIFY", untold}})) << untold;
    EXPECT_FALSE(wants({{"ORCPT", "x"}, {"notify", untold}})) << untold;
  }
}

TEST(Verp, AMarkedSenderNamesItsRecipient) {
  EXPECT_EQ(verp_sender("own-@h-@[]", "bob@x.y"), "own-bob=x.y@h");
  EXPECT_EQ(verp_sender("a@b-@h-@[]", "bob@x.y"), "a@b-bob=x.y@h") << "the last inner @ counts";
  EXPECT_EQ(verp_sender("own-@h-@[]", "b@c@x.y"), "own-b@c=x.y@h") << "and the recipient's last";
  EXPECT_EQ(verp_sender("@-@[]", "b@x"), "b=x@");
}

TEST(Verp, OtherSendersStayAsTheyAre) {
  for (const char* sender : {"", "#@[]", "a@b", "-@[]", "own-@[]", "own-@h-@[]x", "a@h-@[ ]"}) {
    EXPECT_EQ(verp_sender(sender, "bob@x.y"), sender);
  }
  EXPECT_EQ(verp_sender("own-@h-@[]", "bob"), "own-@h-@[]") << "a recipient without a domain";
}

}  // namespace
}  // namespace porpoise::mail
