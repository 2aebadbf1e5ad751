#include "instance/resolver.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace porpoise {
namespace {

namespace fs = std::filesystem;

class Resolver : public testing::Test {
 protected:
  Resolver() {
    std::string name = (fs::temp_directory_path() / "resolver-test-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    for (const char* folder : {"control", "users", "alias"}) fs::create_directory(top_ / folder);
    put("control/me", "Mx.Test\n");
    put("control/owner", "Owen:500:501:/home/owen\n");
  }
  ~Resolver() override { fs::remove_all(top_); }

  void put(const std::string& name, const std::string& text) { std::ofstream(top_ / name) << text; }
  void put_routes() {
    put("control/locals", "here.test\nLocal.Test\n");
    put("control/percenthack", "percent.test\nhere.test\n");
    put("control/virtualdomains",
        "virt.test:bob-virt\nuser@v2.test:bob-u\n.sub.test:bob-sub\nout.sub.test:\n"
        "twice.test:one\ntwice.test:two\n");
  }

  // "local ADDRESS [RULE]"
  std::string route(const std::string& recipient) {
    const Instance instance = *Instance::open(top_);
    Result<Router> router = Router::load(instance);
    if (!router) return fmt::format("error: {}", router.error().text);
    const Route r = router->route(recipient);
    return fmt::format("{} {} [{}]", r.channel == Route::Channel::local ? "local" : "remote",
                       r.address, r.rule);
  }

  static std::string shown(const Account& a) {
    return fmt::format("{}:{}:{}:{}:{}:{} [{}]", a.user, a.uid, a.gid, a.home, a.dash, a.ext,
                       a.rule);
  }
  std::string account(const std::string& local_part) {
    const Instance instance = *Instance::open(top_);
    Result<Accounts> accounts = Accounts::load(instance);
    if (!accounts) {
      EXPECT_EQ(accounts.error().fate, Fate::temporary);
      return fmt::format("error: {}", accounts.error().text);
    }
    std::string text = shown(accounts->find(local_part));
    const std::size_t at = text.find(top_.string());
    if (at != std::string::npos) text.replace(at, top_.string().size(), "TOP");
    return text;
  }
  std::string login(const std::string& name) {
    const Instance instance = *Instance::open(top_);
    const std::optional<Account> account = Accounts::load(instance)->login(name);
    return account ? shown(*account) : "nobody";
  }

  fs::path top_;
};

// -- routes

TEST_F(Resolver, LocalsCompareWithoutCase) {
  put_routes();
  EXPECT_EQ(route("Bob@HERE.test"), "local Bob@HERE.test [control/locals: here.test]");
  EXPECT_EQ(route("bob@local.test"), "local bob@local.test [control/locals: local.test]");
}

TEST_F(Resolver, TheDomainFollowsTheLastAt) {
  put_routes();
  EXPECT_EQ(route("a@else.test@here.test"),
            "local a@else.test@here.test [control/locals: here.test]");
  EXPECT_EQ(route("a@here.test@else.test"),
            "remote a@here.test@else.test [else.test is in no list of local domains]");
}

TEST_F(Resolver, WithoutLocalsMeIsLocal) {
  EXPECT_EQ(route("a@mx.test"), "local a@mx.test [control/locals: mx.test]");
  put("control/locals", "");
  EXPECT_EQ(route("a@mx.test"), "remote a@mx.test [mx.test is in no list of local domains]");
}

TEST_F(Resolver, ANameAloneGetsEnvnoathost) {
  EXPECT_EQ(route("bob"), "local bob@Mx.Test [control/locals: mx.test]");
  put("control/envnoathost", "else.test\n");
  EXPECT_EQ(route("bob"), "remote bob@else.test [else.test is in no list of local domains]");
  EXPECT_EQ(route(""), "remote @else.test [else.test is in no list of local domains]");
}

TEST_F(Resolver, PercentIsUndoneFromTheRight) {
  put_routes();
  EXPECT_EQ(route("foo%virt.test@percent.test"),
            "local bob-virt-foo@virt.test [control/virtualdomains: virt.test:bob-virt]");
  EXPECT_EQ(route("a%else.test%percent.test@here.test"),
            "remote a@else.test [else.test is in no list of local domains]");
  EXPECT_EQ(route("plain@here.test"), "local plain@here.test [control/locals: here.test]");
  EXPECT_EQ(route("a%b@else.test"),
            "remote a%b@else.test [else.test is in no list of local domains]");
  EXPECT_EQ(route("%@here.test"), "remote @ [ is in no list of local domains]");
}

TEST_F(Resolver, VirtualDomainsFromTheMostExact) {
  put_routes();
  EXPECT_EQ(route("x@virt.test"),
            "local bob-virt-x@virt.test [control/virtualdomains: virt.test:bob-virt]");
  EXPECT_EQ(route("USER@V2.TEST"),
            "local bob-u-USER@V2.TEST [control/virtualdomains: user@v2.test:bob-u]");
  EXPECT_EQ(route("other@v2.test"),
            "remote other@v2.test [v2.test is in no list of local domains]");
  EXPECT_EQ(route("a@b.sub.test"),
            "local bob-sub-a@b.sub.test [control/virtualdomains: .sub.test:bob-sub]");
  EXPECT_EQ(route("a@c.b.sub.test"),
            "local bob-sub-a@c.b.sub.test [control/virtualdomains: .sub.test:bob-sub]");
  EXPECT_EQ(route("a@sub.test"), "remote a@sub.test [sub.test is in no list of local domains]");
}

TEST_F(Resolver, AnEmptyPrefixIsAnException) {
  put_routes();
  EXPECT_EQ(route("a@out.sub.test"),
            "remote a@out.sub.test [control/virtualdomains: out.sub.test:]");
}

TEST_F(Resolver, OfTwoEqualLinesTheLastWins) {
  put_routes();
  EXPECT_EQ(route("a@twice.test"),
            "local two-a@twice.test [control/virtualdomains: twice.test:two]");
}

TEST_F(Resolver, TheEmptyKeyCatchesAll) {
  put("control/virtualdomains", ":catch\n");
  EXPECT_EQ(route("a@any.where"), "local catch-a@any.where [control/virtualdomains: :catch]");
}

TEST_F(Resolver, OneAddressMayBeAnExceptionOrHaveAnOwnerOfItsOwn) {
  put("control/virtualdomains", "virt.test:bob\nann@virt.test:ann\nout@virt.test:\n:all\n");
  EXPECT_EQ(route("x@virt.test"), "local bob-x@virt.test [control/virtualdomains: virt.test:bob]");
  EXPECT_EQ(route("Ann@virt.test"),
            "local ann-Ann@virt.test [control/virtualdomains: ann@virt.test:ann]");
  EXPECT_EQ(route("out@virt.test"),
            "remote out@virt.test [control/virtualdomains: out@virt.test:]");
}

TEST_F(Resolver, ALocalDomainIsLocalWhateverVirtualdomainsSays) {
  put("control/locals", "here.test\n");
  put("control/virtualdomains", "here.test:bob\nann@here.test:\n:all\n");
  EXPECT_EQ(route("ann@here.test"), "local ann@here.test [control/locals: here.test]");
}

TEST_F(Resolver, PercentIsUndoneAlsoForWhatEnvnoathostAdds) {
  put("control/envnoathost", "percent.test\n");
  put("control/percenthack", "percent.test\n");
  put("control/locals", "here.test\n");
  EXPECT_EQ(route("ann%here.test"), "local ann@here.test [control/locals: here.test]");
}

TEST_F(Resolver, ALineWithoutColonIsAnError) {
  put("control/virtualdomains", "# fine\na:b\nwrong\n");
  EXPECT_EQ(route("a@b"), "error: control/virtualdomains line 3: \"wrong\" has no colon");
}

// -- accounts

constexpr const char* kAssign =
    "# a comment\n"
    "=Joe:joe:1:2:/home/joe:::\n"
    "+Joe-:joe:1:2:/home/joe:-::\n"
    "=joe-boss:ann:3:4:/home/ann:-:boss:\n"
    "+joe-l-:lists:5:6:/lists:-:pre-:\n"
    "=twice:a:7:7:/a:::\n"
    "=twice:b:8:8:/b:::\n"
    ".\nanything\n";

TEST_F(Resolver, ExactLinesBeforePrefixes) {
  put("users/assign", kAssign);
  EXPECT_EQ(account("joe"), "joe:1:2:/home/joe:: [users/assign line 2]");
  EXPECT_EQ(account("JOE"), "joe:1:2:/home/joe:: [users/assign line 2]");
  EXPECT_EQ(account("Joe-Boss"), "ann:3:4:/home/ann:-:boss [users/assign line 4]");
}

TEST_F(Resolver, TheLongestPrefixWinsAndTheRestKeepsItsCase) {
  put("users/assign", kAssign);
  EXPECT_EQ(account("joe-Foo"), "joe:1:2:/home/joe:-:Foo [users/assign line 3]");
  EXPECT_EQ(account("joe-"), "joe:1:2:/home/joe:-: [users/assign line 3]");
  EXPECT_EQ(account("joe-L-X"), "lists:5:6:/lists:-:pre-X [users/assign line 5]");
  EXPECT_EQ(account("joe-boss-x"), "joe:1:2:/home/joe:-:boss-x [users/assign line 3]");
}

TEST_F(Resolver, OfTwoEqualAccountsTheFirstWins) {
  put("users/assign", kAssign);
  EXPECT_EQ(account("twice"), "a:7:7:/a:: [users/assign line 6]");
}

TEST_F(Resolver, TheEmptyPrefixCatchesAll) {
  put("users/assign", "+:all:9:9:/all:-::\n.\n");
  EXPECT_EQ(account("Any"), "all:9:9:/all:-:Any [users/assign line 1]");
  EXPECT_EQ(account("owen"), "all:9:9:/all:-:owen [users/assign line 1]");
}

TEST_F(Resolver, TheOwnerByNameOrNumber) {
  EXPECT_EQ(account("owen"), "Owen:500:501:/home/owen:: [control/owner]");
  EXPECT_EQ(account("OWEN"), "Owen:500:501:/home/owen:: [control/owner]");
  EXPECT_EQ(account("Owen-List-A"), "Owen:500:501:/home/owen:-:List-A [control/owner]");
  EXPECT_EQ(account("500"), "Owen:500:501:/home/owen:: [control/owner]");
  EXPECT_EQ(account("500-x"), "Owen:500:501:/home/owen:-:x [control/owner]");
}

TEST_F(Resolver, EverythingElseIsAlias) {
  EXPECT_EQ(account("Sales-North"), "Owen:500:501:TOP/alias:-:Sales-North [alias/]");
  EXPECT_EQ(account("owenx"), "Owen:500:501:TOP/alias:-:owenx [alias/]");
  EXPECT_EQ(account(""), "Owen:500:501:TOP/alias:-: [alias/]");
}

TEST_F(Resolver, ADamagedTableIsTemporaryAndNamesTheLine) {
  const std::string want =
      ": want =name:user:uid:gid:/home:dash:ext: or +prefix:user:uid:gid:/home:dash:pre:";
  for (const char* line :
       {"joe", "?joe:joe:1:2:/home/joe:::", "=joe:joe:1:2:/home/joe::", "=joe:joe:x:2:/home:::",
        "=joe:joe:1::/home:::", "=joe:joe:-1:2:/home:::", "=joe:joe:1:2:home:::",
        "=joe:joe:4294967296:2:/home:::", " =joe:joe:1:2:/home:::"}) {
    put("users/assign", fmt::format("# first\n{}\n.\n", line));
    EXPECT_EQ(account("joe"), "error: users/assign line 2" + want) << line;
  }
}

TEST_F(Resolver, ATableThatWasCutOffIsAnError) {
  put("users/assign", "=joe:joe:1:2:/home/joe:::\n");
  EXPECT_EQ(account("joe"), "error: users/assign: no line of a single dot at its end");
  put("users/assign", "");
  EXPECT_EQ(account("joe"), "error: users/assign: no line of a single dot at its end");
}

TEST_F(Resolver, LoginIsForExactNamesOnly) {
  put("users/assign", kAssign);
  EXPECT_EQ(login("Joe"), "joe:1:2:/home/joe:: [users/assign line 2]");
  EXPECT_EQ(login("owen"), "Owen:500:501:/home/owen:: [control/owner]");
  for (const char* name : {"joe-boss", "joe-x", "owen-x", "500", "root", ""}) {
    EXPECT_EQ(login(name), "nobody") << name;
  }
}

TEST_F(Resolver, ACatchAllPrefixDoesNotTakeTheOwnersLogin) {
  put("users/assign", "+:all:9:9:/all:-::\n.\n");
  EXPECT_EQ(login("owen"), "Owen:500:501:/home/owen:: [control/owner]");
}

}  // namespace
}  // namespace porpoise
