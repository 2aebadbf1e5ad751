#include "inject/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inject/sendmail_options.h"

namespace porpoise::inject {
namespace {

struct Line {
  explicit Line(std::vector<std::string> words_) : words(std::move(words_)) {
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
  }
  int argc() const { return static_cast<int>(words.size()); }
  std::vector<std::string> words;
  std::vector<char*> pointers;
};

Outcome<InjectCommand> inject(std::vector<std::string> words) {
  words.insert(words.begin(), "inject");
  Line line(std::move(words));
  return parse_inject(line.argc(), line.pointers.data());
}

Outcome<SendmailCommand> sendmail(std::vector<std::string> words, const char* name = "sendmail") {
  words.insert(words.begin(), name);
  Line line(std::move(words));
  return parse_sendmail(line.argc(), line.pointers.data());
}

std::string usage_error(const auto& command) {
  if (command) return "none";
  EXPECT_EQ(sysexit(command.error()), 64);
  EXPECT_EQ(command.error().error.exit_code(), 100);
  return command.error().error.text;
}

using Arguments = std::vector<std::string>;

// ---- inject

TEST(InjectOptions, LaterOnesOverrideEarlierOnesOfTheirKind) {
  EXPECT_EQ(inject({})->request.job.recipients, Recipients::arguments_or_header);
  EXPECT_EQ(inject({"-a"})->request.job.recipients, Recipients::arguments);
  EXPECT_EQ(inject({"-ah"})->request.job.recipients, Recipients::header);
  EXPECT_EQ(inject({"-h", "-A"})->request.job.recipients, Recipients::arguments_or_header);
  EXPECT_EQ(inject({"-AH"})->request.job.recipients, Recipients::both);
  EXPECT_TRUE(inject({"-n"})->request.print);
  EXPECT_FALSE(inject({"-nN"})->request.print);
  EXPECT_EQ(inject({"-fa", "-f", "b"})->request.job.sender, "b");
  EXPECT_EQ(inject({"-f", ""})->request.job.sender, "");
  EXPECT_FALSE(inject({})->request.job.sender);
}

TEST(InjectOptions, TheFirstOperandEndsTheOptions) {
  const auto command = inject({"-n", "joe", "-a"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->request.job.arguments, (Arguments{"joe", "-a"}));
  EXPECT_EQ(inject({"--", "-joe"})->request.job.arguments, Arguments{"-joe"});
  EXPECT_EQ(inject({"-"})->request.job.arguments, Arguments{"-"});
}

TEST(InjectOptions, LongOnes) {
  const auto command = inject({"--print-id", "--instance", "/x", "--help"});
  ASSERT_TRUE(command);
  EXPECT_TRUE(command->request.print_id);
  EXPECT_EQ(command->request.instance, "/x");
  EXPECT_TRUE(command->help);
  EXPECT_EQ(inject({"--instance=/y"})->request.instance, "/y");
}

TEST(InjectOptions, WhatIsNotKnownIsNamed) {
  EXPECT_EQ(usage_error(inject({"-nx"})), "unknown option -x (try --help)");
  EXPECT_EQ(usage_error(inject({"-a", "--bogus"})), "unknown option --bogus (try --help)");
  EXPECT_EQ(usage_error(inject({"-f"})), "an argument is missing after -f (try --help)");
  EXPECT_EQ(usage_error(inject({"--instance"})),
            "an argument is missing after --instance (try --help)");
}

// ---- sendmail

TEST(SendmailOptions, WithoutAnyTheArgumentsAreTheRecipients) {
  const auto command = sendmail({"a@b.c", "d"});
  ASSERT_TRUE(command);
  const Request& r = command->request;
  EXPECT_EQ(command->act, SendmailCommand::Act::submit);
  EXPECT_EQ(r.job.recipients, Recipients::arguments);
  EXPECT_EQ(r.job.arguments, (Arguments{"a@b.c", "d"}));
  EXPECT_TRUE(r.dot_ends && r.start_send && r.job.header_is_data && r.job.arguments_are_lists);
  EXPECT_FALSE(r.job.sender || r.name || r.print || r.print_id);
}

TEST(SendmailOptions, TheWayMailProgramsCallIt) {
  const auto git = sendmail({"-f", "dev@x.y", "-i", "a@b.c", "d@e.f"});
  ASSERT_TRUE(git);
  EXPECT_FALSE(git->request.dot_ends);
  EXPECT_EQ(git->request.job.sender, "dev@x.y");
  EXPECT_TRUE(git->request.sender_is_from);

  const auto mutt = sendmail({"-oem", "-oi", "-f", "me@x.y", "--", "-odd@x.y"});
  ASSERT_TRUE(mutt);
  EXPECT_FALSE(mutt->request.dot_ends);
  EXPECT_EQ(mutt->request.job.arguments, Arguments{"-odd@x.y"});

  const auto cron = sendmail({"-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"});
  ASSERT_TRUE(cron);
  EXPECT_EQ(cron->request.name, "CronDaemon");
  EXPECT_EQ(cron->request.job.sender, "root");
  EXPECT_EQ(cron->request.job.recipients, Recipients::both);
  EXPECT_FALSE(cron->request.job.header_is_data);

  const auto php = sendmail({"-ti"});
  ASSERT_TRUE(php);
  EXPECT_EQ(php->request.job.recipients, Recipients::both);
  EXPECT_FALSE(php->request.dot_ends);
}

TEST(SendmailOptions, ASenderMayStandInAngleBrackets) {
  EXPECT_EQ(sendmail({"-f", "<a@b.c>", "x"})->request.job.sender, "a@b.c");
  EXPECT_EQ(sendmail({"-r<a@b.c>", "x"})->request.job.sender, "a@b.c");
  EXPECT_EQ(sendmail({"-f", "<>", "x"})->request.job.sender, "");
  EXPECT_EQ(sendmail({"-f", "", "x"})->request.job.sender, "");
  EXPECT_EQ(sendmail({"-f", "Joe <\"a b\"@b.c>", "x"})->request.job.sender, "a b@b.c");
  EXPECT_EQ(sendmail({"-f", "<", "x"})->request.job.sender, "<");
  EXPECT_EQ(sendmail({"-f", "<a>, <b>", "x"})->request.job.sender, "<a>, <b>");
  EXPECT_EQ(sendmail({"-f", "g: <a>;", "x"})->request.job.sender, "g: <a>;");
  EXPECT_EQ(sendmail({"-fa", "-fb", "x"})->request.job.sender, "b");
}

TEST(SendmailOptions, AnyOIsAccepted) {
  for (const char* word : {"-oem", "-oee", "-odb", "-odi", "-om", "-o7", "-oQ/x", "-oWhatever"}) {
    const auto command = sendmail({word, "x"});
    ASSERT_TRUE(command) << word;
    EXPECT_TRUE(command->request.dot_ends && command->request.start_send) << word;
  }
  EXPECT_FALSE(sendmail({"-oi", "x"})->request.dot_ends);
  EXPECT_FALSE(sendmail({"-o", "i", "x"})->request.dot_ends);
  EXPECT_FALSE(sendmail({"-odq", "x"})->request.start_send);
  EXPECT_FALSE(sendmail({"-odd", "x"})->request.start_send);
  EXPECT_TRUE(sendmail({"-odb", "x"})->request.start_send);
}

TEST(SendmailOptions, LongNamesMeanWhatTheLettersMean) {
  EXPECT_FALSE(sendmail({"-O", "IgnoreDots=true", "x"})->request.dot_ends);
  EXPECT_FALSE(sendmail({"-Oignoredots=T", "x"})->request.dot_ends);
  EXPECT_TRUE(sendmail({"-O", "IgnoreDots=false", "x"})->request.dot_ends);
  EXPECT_FALSE(sendmail({"-O", "DeliveryMode=q", "x"})->request.start_send);
  EXPECT_TRUE(sendmail({"-O", "DeliveryMode=b", "x"})->request.start_send);
  EXPECT_TRUE(sendmail({"-O", "DeliveryMode", "x"})->request.start_send);
  EXPECT_TRUE(sendmail({"-O", "", "x"}).has_value());
}

TEST(SendmailOptions, HarmlessOnesAreAccepted) {
  const auto command =
      sendmail({"-v",  "-G",    "-n",  "-U",  "-m",        "-x",  "-em",  "-h", "5",    "-L",
                "tag", "-O",    "A=b", "-X",  "/dev/null", "-C",  "file", "-p", "SMTP", "-A",
                "m",   "-d0.1", "-D",  "log", "-bm",       "-E1", "-Jx",  "-q", "who"});
  ASSERT_TRUE(command) << command.error().error.text;
  EXPECT_EQ(command->act, SendmailCommand::Act::submit);
  EXPECT_EQ(command->request.job.arguments, Arguments{"who"});
}

TEST(SendmailOptions, ParametersGoIntoTheEnvelope) {
  const auto command =
      sendmail({"-B", "8bitmime", "-R", "hdrs", "-V", "a+b c", "-N", "success,Delay", "x"});
  ASSERT_TRUE(command);
  EXPECT_EQ(command->request.job.parameters,
            (mail::Parameters{{"BODY", "8BITMIME"}, {"RET", "HDRS"}, {"ENVID", "a+2Bb+20c"}}));
  EXPECT_EQ(command->request.job.recipient_parameters,
            (mail::Parameters{{"NOTIFY", "SUCCESS,DELAY"}}));
  EXPECT_EQ(sendmail({"-Nnever", "-Nfailure", "x"})->request.job.recipient_parameters,
            (mail::Parameters{{"NOTIFY", "FAILURE"}}));
  EXPECT_TRUE(sendmail({"-V", "", "x"})->request.job.parameters.empty());
}

TEST(SendmailOptions, ParametersThatMakeNoSenseAreRefused) {
  EXPECT_EQ(usage_error(sendmail({"-B9", "x"})), "-B 9: want 7BIT or 8BITMIME");
  EXPECT_EQ(usage_error(sendmail({"-R", "", "x"})), "-R : want full or hdrs");
  for (const char* bad : {"", "never,delay", "delay,never", "delay,", ",delay", "often"}) {
    EXPECT_EQ(usage_error(sendmail({"-N", bad, "x"})),
              fmt::format("-N {}: want never, or some of success,failure,delay", bad));
  }
}

TEST(SendmailOptions, BsSpeaksSmtp) {
  EXPECT_EQ(sendmail({"-bs"})->act, SendmailCommand::Act::speak_smtp);
  EXPECT_FALSE(sendmail({"-odq", "-bs"})->request.start_send);
}

TEST(SendmailOptions, WhatItDoesNotDoItSays) {
  EXPECT_EQ(usage_error(sendmail({"-bd", "-q30m"})),
            "-bd: sendmail is no daemon here; start one with: porpoise run");
  EXPECT_EQ(usage_error(sendmail({"-bt"})), "no addresses: -bv and -bt want them as arguments");
  EXPECT_EQ(usage_error(sendmail({"-bX"})), "unknown option -bX (try --help)");
  EXPECT_EQ(usage_error(sendmail({"-Z"})), "unknown option -Z (try --help)");
  EXPECT_EQ(usage_error(sendmail({"--bogus"})), "unknown option --bogus (try --help)");
  EXPECT_EQ(usage_error(sendmail({"-tf"})), "an argument is missing after -f (try --help)");
}

TEST(SendmailOptions, BvAndBtVerifyTheirArguments) {
  for (const char* mode : {"-bv", "-bt"}) {
    const auto command = sendmail({mode, "a@b.c", "d"});
    EXPECT_EQ(command->act, SendmailCommand::Act::verify);
    EXPECT_THAT(command->request.job.arguments, testing::ElementsAre("a@b.c", "d"));
  }
}

TEST(SendmailOptions, AnOptionBehindAnAddressIsNoRecipient) {
  EXPECT_EQ(usage_error(sendmail({"a@b.c", "-i"})),
            "-i behind an address: options come first; an address like this after --");
  EXPECT_EQ(usage_error(sendmail({"-t", "a@b.c", "--"})),
            "-- behind an address: options come first; an address like this after --");
  EXPECT_THAT(sendmail({"-i", "--", "a@b.c", "-i"})->request.job.arguments,
              testing::ElementsAre("a@b.c", "-i"));
}

TEST(SendmailOptions, VTells) {
  EXPECT_TRUE(sendmail({"-v", "x"})->request.verbose);
  EXPECT_FALSE(sendmail({"x"})->request.verbose);
}

TEST(SendmailOptions, ListsAndFlushesTheQueue) {
  EXPECT_EQ(sendmail({"-bp"})->act, SendmailCommand::Act::list_queue);
  EXPECT_EQ(sendmail({"-v"}, "/usr/bin/mailq")->act, SendmailCommand::Act::list_queue);
  EXPECT_EQ(sendmail({"-Ac"}, "mailq")->act, SendmailCommand::Act::list_queue);
  EXPECT_EQ(sendmail({"-q"})->act, SendmailCommand::Act::run_queue);
  EXPECT_EQ(sendmail({"-q30m"})->act, SendmailCommand::Act::run_queue);
  EXPECT_EQ(sendmail({"-q", "-t"})->act, SendmailCommand::Act::submit);
  EXPECT_EQ(sendmail({}, "newaliases")->act, SendmailCommand::Act::aliases);
  EXPECT_EQ(sendmail({"-I"})->act, SendmailCommand::Act::aliases);
  EXPECT_EQ(sendmail({"-bi"})->act, SendmailCommand::Act::aliases);
  EXPECT_EQ(sendmail({"--help"})->act, SendmailCommand::Act::help);
}

}  // namespace
}  // namespace porpoise::inject
