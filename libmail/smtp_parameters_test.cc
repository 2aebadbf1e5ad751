#include "libmail/smtp_parameters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

constexpr SmtpExtensions kAll{.binary = true, .auth = true};

std::string shown(const SmtpFault& fault) {
  return fmt::format("{} {} at {}: {}", fault.code, fault.status.text(), fault.at, fault.text);
}

/// What the parameters of MAIL say, in one form.
std::string mail(std::string_view text, const SmtpExtensions& offered = kAll) {
  const auto p = parse_mail_parameters(text, 0, offered);
  if (!p) return shown(p.error());
  std::string out;
  if (p->size) out += fmt::format("size {} ", *p->size);
  if (p->body != MailParameters::Body::unset)
    out += fmt::format("body {} ", static_cast<int>(p->body));
  if (p->utf8) out += "utf8 ";
  if (p->ret != MailParameters::Ret::unset) out += fmt::format("ret {} ", static_cast<int>(p->ret));
  if (p->envid) out += fmt::format("envid {} ", *p->envid);
  if (p->auth) out += fmt::format("auth {} ", *p->auth);
  return out;
}

std::string rcpt(std::string_view text, const SmtpExtensions& offered = kAll) {
  const auto p = parse_rcpt_parameters(text, 10, offered);
  if (!p) return shown(p.error());
  std::string out;
  if (p->any_notify) out += fmt::format("notify {} ", p->notify_text());
  if (p->orcpt) out += fmt::format("orcpt {} ", *p->orcpt);
  return out;
}

TEST(SmtpParameters, OfMail) {
  EXPECT_EQ(mail(""), "");
  EXPECT_EQ(mail("  "), "");
  EXPECT_EQ(mail(" SIZE=100 BODY=8BITMIME"), "size 100 body 2 ");
  EXPECT_EQ(mail("  size=0  body=7bit "), "size 0 body 1 ");
  EXPECT_EQ(mail(" SMTPUTF8\tRET=HDRS"), "utf8 ret 2 ");
  EXPECT_EQ(mail(" BODY=BINARYMIME RET=full ENVID=QQ+20x"), "body 3 ret 1 envid QQ+20x ");
  EXPECT_EQ(mail(" AUTH=<>"), "auth <> ");
  EXPECT_EQ(mail(" AUTH=e+3Dmc2@x.test"), "auth e+3Dmc2@x.test ");
}

TEST(SmtpParameters, OfRcpt) {
  EXPECT_EQ(rcpt(""), "");
  EXPECT_EQ(rcpt(" NOTIFY=NEVER"), "notify NEVER ");
  EXPECT_EQ(rcpt(" notify=delay,success ORCPT=rfc822;a+2Bb@x.test"),
            "notify SUCCESS,DELAY orcpt rfc822;a+2Bb@x.test ");
  EXPECT_EQ(rcpt(" NOTIFY=FAILURE"), "notify FAILURE ");
  EXPECT_EQ(rcpt(" NOTIFY=SUCCESS,SUCCESS"), "notify SUCCESS ");
  EXPECT_EQ(rcpt(" ORCPT=RFC822;MiXeD@Here.test"), "orcpt RFC822;MiXeD@Here.test ");
  EXPECT_EQ(rcpt(" ORCPT=utf-8;\\x{3B4}@x.test"), "orcpt utf-8;\\x{3B4}@x.test ");
  EXPECT_EQ(rcpt(" ORCPT=utf-8;\xce\xb4@x.test"), "orcpt utf-8;\xce\xb4@x.test ");
  EXPECT_EQ(RcptParameters().notify_text(), "");
}

TEST(SmtpParameters, UnknownOnesAreRefusedByName) {
  EXPECT_EQ(mail(" FOO=BAR"), "555 5.5.4 at 1: unknown parameter FOO");
  EXPECT_EQ(mail(" SIZE=1 FOO"), "555 5.5.4 at 8: unknown parameter FOO");
  EXPECT_EQ(mail(" NOTIFY=NEVER"), "555 5.5.4 at 1: unknown parameter NOTIFY");
  EXPECT_EQ(rcpt(" SIZE=1"), "555 5.5.4 at 11: unknown parameter SIZE");
  EXPECT_EQ(mail(" " + std::string(60, 'X')),
            "555 5.5.4 at 1: unknown parameter " + std::string(40, 'X'));
}

TEST(SmtpParameters, OfExtensionsThatWereNotOfferedAreUnknown) {
  const SmtpExtensions none{
      .size = false, .eight_bit = false, .binary = false, .utf8 = false, .dsn = false};
  for (const char* text :
       {" SIZE=1", " BODY=7BIT", " SMTPUTF8", " RET=FULL", " ENVID=x", " AUTH=<>"}) {
    EXPECT_EQ(mail(text, none).substr(0, 9), "555 5.5.4") << text;
  }
  EXPECT_EQ(rcpt(" NOTIFY=NEVER", none).substr(0, 9), "555 5.5.4");
  EXPECT_EQ(rcpt(" ORCPT=rfc822;x", none).substr(0, 9), "555 5.5.4");
  EXPECT_EQ(mail(" BODY=BINARYMIME", {}), "501 5.5.4 at 6: BODY: want 7BIT or 8BITMIME");
}

TEST(SmtpParameters, EachComesOnce) {
  EXPECT_EQ(mail(" SIZE=1 SIZE=1"), "501 5.5.4 at 8: SIZE given twice");
  EXPECT_EQ(mail(" BODY=7BIT body=7BIT"), "501 5.5.4 at 11: body given twice");
  EXPECT_EQ(mail(" SMTPUTF8 SMTPUTF8"), "501 5.5.4 at 10: SMTPUTF8 given twice");
  EXPECT_EQ(mail(" RET=FULL RET=HDRS"), "501 5.5.4 at 10: RET given twice");
  EXPECT_EQ(mail(" ENVID=a ENVID=a"), "501 5.5.4 at 9: ENVID given twice");
  EXPECT_EQ(mail(" AUTH=<> AUTH=<>"), "501 5.5.4 at 9: AUTH given twice");
  EXPECT_EQ(rcpt(" NOTIFY=NEVER NOTIFY=NEVER"), "501 5.5.4 at 24: NOTIFY given twice");
  EXPECT_EQ(rcpt(" ORCPT=a;b ORCPT=a;b"), "501 5.5.4 at 21: ORCPT given twice");
}

TEST(SmtpParameters, TheirFormIsKeywordAndValue) {
  EXPECT_EQ(mail("SIZE=1"), "501 5.5.4 at 0: want a blank before a parameter");
  EXPECT_EQ(mail(" =x"), "501 5.5.4 at 1: want a parameter");
  EXPECT_EQ(mail(" -A=x"), "501 5.5.4 at 1: want a parameter");
  EXPECT_EQ(mail(" A_B"), "501 5.5.4 at 1: want a parameter");
  EXPECT_EQ(mail(" SIZE="), "501 5.5.4 at 6: bad value of a parameter");
  EXPECT_EQ(mail(" ENVID=a=b"), "501 5.5.4 at 7: bad value of a parameter");
  EXPECT_EQ(mail(" FOO=\x01"), "501 5.5.4 at 5: bad value of a parameter");
}

TEST(SmtpParameters, SizesAreDigitsAndNeverWrap) {
  EXPECT_EQ(mail(" SIZE=18446744073709551615"), "size 18446744073709551615 ");
  EXPECT_EQ(mail(" SIZE=18446744073709551616"), "size 18446744073709551615 ");
  EXPECT_EQ(mail(" SIZE=99999999999999999999"), "size 18446744073709551615 ");
  EXPECT_EQ(mail(" SIZE=00000000000000000007"), "size 7 ");
  for (const char* bad :
       {" SIZE", " SIZE=abc", " SIZE=-1", " SIZE=1k", " SIZE=000000000000000000001"}) {
    EXPECT_EQ(mail(bad), "501 5.5.4 at " +
                             std::string(bad == std::string_view(" SIZE") ? "5" : "6") +
                             ": SIZE: want 1 to 20 digits");
  }
}

TEST(SmtpParameters, ValuesAreThoseOfTheRfcs) {
  EXPECT_EQ(mail(" BODY=9BIT"), "501 5.5.4 at 6: BODY: want 7BIT or 8BITMIME");
  EXPECT_EQ(mail(" BODY"), "501 5.5.4 at 5: BODY: want 7BIT or 8BITMIME");
  EXPECT_EQ(mail(" SMTPUTF8=yes"), "501 5.5.4 at 10: SMTPUTF8: has no value");
  EXPECT_EQ(mail(" RET=SOME"), "501 5.5.4 at 5: RET: want FULL or HDRS");
  EXPECT_EQ(mail(" ENVID"), "501 5.5.4 at 6: ENVID: want 1 to 100 octets");
  EXPECT_EQ(mail(" ENVID=" + std::string(100, 'x')), "envid " + std::string(100, 'x') + " ");
  EXPECT_EQ(mail(" ENVID=" + std::string(101, 'x')), "501 5.5.4 at 7: ENVID: want 1 to 100 octets");
  EXPECT_EQ(mail(" ENVID=+zz"), "501 5.5.4 at 7: ENVID: want xtext of printable ASCII");
  EXPECT_EQ(mail(" ENVID=a+0Ab"), "501 5.5.4 at 7: ENVID: want xtext of printable ASCII");
  EXPECT_EQ(mail(" AUTH=+ZZ"), "501 5.5.4 at 6: AUTH: want xtext or <>");
  EXPECT_EQ(mail(" AUTH"), "501 5.5.4 at 5: AUTH: want 1 to 500 octets");
  EXPECT_EQ(mail(" AUTH=" + std::string(501, 'x')), "501 5.5.4 at 6: AUTH: want 1 to 500 octets");
  const std::string never = "NOTIFY: want NEVER, or SUCCESS, FAILURE and DELAY with commas";
  for (const char* bad : {" NOTIFY=NEVER,FAILURE", " NOTIFY=FAILURE,NEVER", " NOTIFY=,",
                          " NOTIFY=X", " NOTIFY=DELAY,"}) {
    EXPECT_EQ(rcpt(bad), "501 5.5.4 at 18: " + never) << bad;
  }
  EXPECT_EQ(rcpt(" NOTIFY"), "501 5.5.4 at 17: " + never);
}

TEST(SmtpParameters, OriginalRecipientsHaveATypeAndFitALine) {
  EXPECT_EQ(rcpt(" ORCPT=nonsense"), "501 5.5.4 at 17: ORCPT: want a type of address and \";\"");
  EXPECT_EQ(rcpt(" ORCPT"), "501 5.5.4 at 16: ORCPT: want a type of address and \";\"");
  EXPECT_EQ(rcpt(" ORCPT=;x"), "501 5.5.4 at 17: ORCPT: want a type of address and \";\"");
  EXPECT_EQ(rcpt(" ORCPT=a(b;x"), "501 5.5.4 at 17: ORCPT: want a type of address and \";\"");
  EXPECT_EQ(rcpt(" ORCPT=rfc822;"), "501 5.5.4 at 17: ORCPT: want an address");
  const std::string xtext = "501 5.5.4 at 17: ORCPT: want xtext of printable ASCII";
  EXPECT_EQ(rcpt(" ORCPT=rfc822;a+0D+0ABcc:+20x"), xtext);
  EXPECT_EQ(rcpt(" ORCPT=rfc822;a+"), xtext);
  EXPECT_EQ(rcpt(" ORCPT=rfc822;\xce\xb4@x.test"), xtext);
  EXPECT_EQ(rcpt(" ORCPT=utf-8;\xff@x.test"), "501 5.5.4 at 17: ORCPT: want xtext or UTF-8");
  EXPECT_EQ(rcpt(" ORCPT=utf-8;+0A"), "501 5.5.4 at 17: ORCPT: want xtext or UTF-8");
  EXPECT_EQ(rcpt(" ORCPT=a;" + std::string(498, 'x')), "orcpt a;" + std::string(498, 'x') + " ");
  EXPECT_EQ(rcpt(" ORCPT=a;" + std::string(499, 'x')),
            "501 5.5.4 at 17: ORCPT: want at most 500 octets");
}

}  // namespace
}  // namespace porpoise::mail
