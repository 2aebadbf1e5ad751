#include "smtp/received.h"

#include <gtest/gtest.h>

namespace porpoise::smtp {
namespace {

std::string shown(const Trace& trace, std::string_view peer) {
  const queue::ReceivedClauses c = received_clauses(trace, "mx.here.test", peer);
  return fmt::format("from {} by {} with {} for {}", c.from, c.by, c.with, c.recipient);
}

TEST(Received, TellsTheNameAndWhatWeKnowOfTheClient) {
  EXPECT_EQ(shown({"client.test", "ESMTP", "alice@here.test"}, "[192.0.2.1]"),
            "from client.test ([192.0.2.1]) by mx.here.test with ESMTP for <alice@here.test>");
  EXPECT_EQ(shown({"[192.0.2.1]", "SMTP", ""}, ""),
            "from [192.0.2.1] by mx.here.test with SMTP for ");
}

TEST(Received, ARecipientIsQuotedAsAPathIs) {
  EXPECT_EQ(shown({"c.test", "SMTP", "a b@here.test"}, ""),
            "from c.test by mx.here.test with SMTP for <\"a b\"@here.test>");
}

TEST(Received, ANameThatIsNoDomainIsOnlyTold) {
  EXPECT_EQ(shown({"bad_name", "SMTP", ""}, "uid 7"),
            "from unknown (HELO bad_name, uid 7) by mx.here.test with SMTP for ");
  EXPECT_EQ(shown({"[", "SMTP", ""}, ""), "from unknown (HELO [) by mx.here.test with SMTP for ");
}

}  // namespace
}  // namespace porpoise::smtp
