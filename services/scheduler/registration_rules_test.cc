#include "services/scheduler/registration_rules.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/model/order_rules.h"
#include "common/status/status_matchers.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// The code, and words that the text must have.
MATCHER_P2(Refuses, code, words, "") {
  *result_listener << arg.ToString();
  return arg.code() == code && testing::Value(std::string(arg.message()), HasSubstr(words));
}

site::v1::Site Site(const std::string& code, const std::string& parent) {
  site::v1::Site site;
  site.set_site_code(code);
  site.set_parent_site_code(parent);
  return site;
}

// Site LAB beneath BOS beneath CEN.
Self Lab() {
  return {.site_code = "LAB", .parent_site_code = "BOS", .ancestor_site_codes = {"BOS", "CEN"}};
}

TEST(SameSiteTest, TheConfiguredSiteMustBeTheStoredOne) {
  EXPECT_THAT(CheckSameSite(Lab(), "LAB", "BOS"), IsOk());
  const absl::Status other = CheckSameSite(Lab(), "NYC", "BOS");
  EXPECT_THAT(other, Refuses(StatusCode::kFailedPrecondition, "belongs to site LAB"));
  EXPECT_THAT(other, Refuses(StatusCode::kFailedPrecondition, "NYC"));
}

TEST(SameSiteTest, ASiteKeepsItsParent) {
  EXPECT_THAT(CheckSameSite(Lab(), "LAB", "CEN"),
              Refuses(StatusCode::kFailedPrecondition, "beneath site BOS"));
  EXPECT_THAT(CheckSameSite(Lab(), "LAB", ""),
              Refuses(StatusCode::kFailedPrecondition, "the central site"));
}

TEST(AbsolutePathTest, OnlyOneSpellingIsAccepted) {
  EXPECT_THAT(CheckAbsolutePath("f", "/srv/a b/c"), IsOk());
  for (const char* path : {"", "srv", "/", "//srv", "/srv/", "/srv//a", "/srv/../etc", "/srv/./a",
                           "/srv/a\nb", "\\\\srv\\x", "C:\\x", "/srv/\xff"}) {
    EXPECT_THAT(CheckAbsolutePath("the_field", path),
                Refuses(StatusCode::kInvalidArgument, "the_field"))
        << path;
  }
}

TEST(OverlapTest, EqualInnerAndOuterDirectoriesOverlapAndNeighboursDoNot) {
  const std::vector<UsedDirectory> used = {{"distribution server DS1", "/srv/share"}};
  for (const char* directory : {"/srv/share", "/srv/share/deep/er", "/srv"}) {
    EXPECT_THAT(CheckNoOverlap("f", directory, used),
                Refuses(StatusCode::kFailedPrecondition, "distribution server DS1"))
        << directory;
  }
  for (const char* directory : {"/srv/share2", "/srv/shar", "/other"}) {
    EXPECT_THAT(CheckNoOverlap("f", directory, used), IsOk()) << directory;
  }
}

TEST(PutSiteTest, AChildIsAcceptedAndMayBeRenamed) {
  EXPECT_THAT(CheckPutSite(Lab(), std::nullopt, Site("NEW", "LAB")), IsOk());
  EXPECT_THAT(CheckPutSite(Lab(), Site("NEW", "LAB"), Site("NEW", "LAB")), IsOk());
}

TEST(PutSiteTest, ASiteCannotBeItsOwnParent) {
  EXPECT_THAT(CheckPutSite(Lab(), std::nullopt, Site("NEW", "NEW")),
              Refuses(StatusCode::kFailedPrecondition, "its own parent"));
  EXPECT_THAT(CheckPutSite(Lab(), Site("LAB", "BOS"), Site("LAB", "LAB")),
              Refuses(StatusCode::kFailedPrecondition, "its own parent"));
}

TEST(PutSiteTest, AnAncestorWouldCloseACircle) {
  EXPECT_THAT(CheckPutSite(Lab(), std::nullopt, Site("CEN", "LAB")),
              Refuses(StatusCode::kFailedPrecondition, "circle"));
  EXPECT_THAT(CheckPutSite(Lab(), std::nullopt, Site("BOS", "LAB")),
              Refuses(StatusCode::kFailedPrecondition, "circle"));
}

TEST(PutSiteTest, TheParentIsKnownAsAnAncestorBeforeItHasToldTheOthers) {
  const Self fresh = {.site_code = "LAB", .parent_site_code = "BOS", .ancestor_site_codes = {}};
  EXPECT_THAT(CheckPutSite(fresh, std::nullopt, Site("BOS", "LAB")),
              Refuses(StatusCode::kFailedPrecondition, "circle"));
}

TEST(PutSiteTest, ASecondParentIsRefusedNamingBoth) {
  const absl::Status status = CheckPutSite(Lab(), Site("NEW", "OLD"), Site("NEW", "LAB"));
  EXPECT_THAT(status, Refuses(StatusCode::kFailedPrecondition, "OLD"));
  EXPECT_THAT(status, Refuses(StatusCode::kFailedPrecondition, "LAB"));
}

TEST(PutSiteTest, ASiteOfAnotherParentIsToBePutThere) {
  EXPECT_THAT(CheckPutSite(Lab(), std::nullopt, Site("NEW", "NYC")),
              Refuses(StatusCode::kFailedPrecondition, "put it at site NYC"));
}

TEST(PutSiteTest, ItselfIsPutAtItsParentAndTheCentralSiteMayNameItself) {
  EXPECT_THAT(CheckPutSite(Lab(), Site("LAB", "BOS"), Site("LAB", "BOS")),
              Refuses(StatusCode::kFailedPrecondition, "put it at its parent, site BOS"));
  const Self central = {.site_code = "CEN", .parent_site_code = "", .ancestor_site_codes = {}};
  EXPECT_THAT(CheckPutSite(central, Site("CEN", ""), Site("CEN", "")), IsOk());
  EXPECT_THAT(CheckPutSite(central, Site("CEN", ""), Site("CEN", "NYC")),
              Refuses(StatusCode::kFailedPrecondition, "has no parent"));
}

TEST(PutSiteTest, TheTreeHasALimitOfLevels) {
  Self deep = Lab();
  deep.ancestor_site_codes.assign(kSiteDepthMax - 1, "ABC");
  EXPECT_THAT(CheckPutSite(deep, std::nullopt, Site("NEW", "LAB")),
              Refuses(StatusCode::kFailedPrecondition, "levels"));
}

TEST(SiteTest, CodesAndNamesHaveAForm) {
  EXPECT_THAT(CheckSite(Site("NYC", "")), IsOk());
  EXPECT_THAT(CheckSite(Site("nyc", "")), Refuses(StatusCode::kInvalidArgument, "site_code"));
  EXPECT_THAT(CheckSite(Site("NYC", "CENT")),
              Refuses(StatusCode::kInvalidArgument, "parent_site_code"));
  site::v1::Site site = Site("NYC", "");
  site.set_name(std::string(201, 'x'));
  EXPECT_THAT(CheckSite(site), Refuses(StatusCode::kInvalidArgument, "site.name"));
}

TEST(AddressTest, TheEndpointAndTheNumberOfSendsAreChecked) {
  site::v1::Address address;
  address.set_site_code("NYC");
  address.set_endpoint("[::1]:7001");
  address.set_concurrent_sends_max(64);
  EXPECT_THAT(CheckAddress(address), IsOk());
  for (const int sends : {0, -1, 65}) {
    address.set_concurrent_sends_max(sends);
    EXPECT_THAT(CheckAddress(address),
                Refuses(StatusCode::kInvalidArgument, "concurrent_sends_max"));
  }
  address.set_concurrent_sends_max(3);
  for (const char* endpoint : {"", "host", "host:", "host:0", "host:65536", ":1", "host:x"}) {
    address.set_endpoint(endpoint);
    EXPECT_THAT(CheckAddress(address), Refuses(StatusCode::kInvalidArgument, "address.endpoint"))
        << endpoint;
  }
}

site::v1::DistributionServer Server(
    const std::vector<std::pair<std::string, std::string>>& shares) {
  site::v1::DistributionServer server;
  server.set_server_name("DS1");
  for (const auto& [drive, directory] : shares) {
    server.add_shares()->set_drive(drive);
    server.mutable_shares()->rbegin()->set_directory(directory);
  }
  return server;
}

TEST(DistributionServerTest, HasSharesOfDifferentDrivesAndDirectories) {
  EXPECT_THAT(CheckDistributionServer(Server({{"c", "/a"}, {"d", "/b"}})), IsOk());
  EXPECT_THAT(CheckDistributionServer(Server({})),
              Refuses(StatusCode::kInvalidArgument, "at least one share"));
  EXPECT_THAT(CheckDistributionServer(Server({{"c", "/a"}, {"c", "/b"}})),
              Refuses(StatusCode::kInvalidArgument, "shares[1].drive"));
  EXPECT_THAT(CheckDistributionServer(Server({{"c", "/a"}, {"d", "/a/b"}})),
              Refuses(StatusCode::kInvalidArgument, "drive c"));
  for (const char* drive : {"", "C", "cc", "1", "/"}) {
    EXPECT_THAT(CheckDistributionServer(Server({{drive, "/a"}})),
                Refuses(StatusCode::kInvalidArgument, "shares[0].drive"))
        << drive;
  }
  EXPECT_THAT(CheckDistributionServer(Server({{"c", "../a"}})),
              Refuses(StatusCode::kInvalidArgument, "shares[0].directory"));
  site::v1::DistributionServer served = Server({{"c", "/a"}, {"d", "/b"}});
  served.mutable_shares(1)->set_url("http://ds1.nyc:8080");
  EXPECT_THAT(CheckDistributionServer(served), IsOk());
  for (const char* url : {"ds1.nyc:8080", "ftp://ds1", "http://me:secret@ds1", "http://ds1/?x"}) {
    served.mutable_shares(1)->set_url(url);
    EXPECT_THAT(CheckDistributionServer(served),
                Refuses(StatusCode::kInvalidArgument, "server.shares[1].url"))
        << url;
  }
  site::v1::DistributionServer nameless = Server({{"c", "/a"}});
  nameless.set_server_name("../x");
  EXPECT_THAT(CheckDistributionServer(nameless),
              Refuses(StatusCode::kInvalidArgument, "server_name"));
}

TEST(LogonServerTest, HasANameAndADirectory) {
  site::v1::LogonServer server;
  server.set_server_name("LS1");
  server.set_directory("/srv/ls1");
  EXPECT_THAT(CheckLogonServer(server), IsOk());
  server.set_directory("srv");
  EXPECT_THAT(CheckLogonServer(server), Refuses(StatusCode::kInvalidArgument, "server.directory"));
}

site::v1::Group Group(site::v1::GroupKind kind, const std::vector<std::string>& members) {
  site::v1::Group group;
  group.set_group_name("pilot");
  group.set_kind(kind);
  for (const std::string& member : members) {
    group.add_members(member);
  }
  return group;
}

TEST(GroupTest, MembersHaveTheFormOfTheirKind) {
  EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_WORKSTATIONS, {"NYC00001"})), IsOk());
  EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_SERVERS, {"NYC|DS1"})), IsOk());
  EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_UNSPECIFIED, {})),
              Refuses(StatusCode::kInvalidArgument, "group.kind"));
  EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_WORKSTATIONS, {"NYC00001", "NYC|DS1"})),
              Refuses(StatusCode::kInvalidArgument, "group.members[1]"));
  for (const char* member : {"DS1", "NYC|", "|DS1", "nyc|DS1", "NYC|DS1|x", ""}) {
    EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_SERVERS, {member})),
                Refuses(StatusCode::kInvalidArgument, "group.members[0]"))
        << member;
  }
}

TEST(GroupTest, TheDefaultServersAreServersAndALimitHolds) {
  site::v1::Group group = Group(site::v1::GROUP_KIND_WORKSTATIONS, {});
  group.set_group_name(kDefaultServersGroup);
  EXPECT_THAT(CheckGroup(group), Refuses(StatusCode::kInvalidArgument, "group.kind"));
  const std::vector<std::string> many(model::kGroupMembersMax + 1, "NYC00001");
  EXPECT_THAT(CheckGroup(Group(site::v1::GROUP_KIND_WORKSTATIONS, many)),
              Refuses(StatusCode::kInvalidArgument, "at most"));
}

site::v1::Workstation Workstation() {
  site::v1::Workstation workstation;
  workstation.set_domain("SALES");
  workstation.set_host_name("PC7");
  return workstation;
}

TEST(WorkstationTest, AMinimalAndAFullOneAreAccepted) {
  EXPECT_THAT(CheckWorkstation("NYC", 0, Workstation()), IsOk());
  site::v1::Workstation full = Workstation();
  full.set_site_code("NYC");
  full.set_sms_id("NYC00017");
  full.set_operating_system("linux");
  (*full.mutable_properties())["ram_mb"] = "8192";
  EXPECT_THAT(CheckWorkstation("NYC", 0, full), IsOk());
}

TEST(WorkstationTest, ErrorsNameTheWorkstationAndTheField) {
  site::v1::Workstation one = Workstation();
  one.set_host_name("a/b");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one),
              Refuses(StatusCode::kInvalidArgument, "workstations[3].host_name"));
  one = Workstation();
  one.set_domain("..");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one),
              Refuses(StatusCode::kInvalidArgument, "workstations[3].domain"));
  one = Workstation();
  one.set_site_code("BOS");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one),
              Refuses(StatusCode::kInvalidArgument,
                      "workstations[3] (SALES|PC7).site_code: \"BOS\" is not"));
  one = Workstation();
  one.set_sms_id("BOS00017");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one),
              Refuses(StatusCode::kInvalidArgument, "'BOS00017' is of site BOS"));
  one = Workstation();
  one.set_sms_id("NYC17");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one), Refuses(StatusCode::kInvalidArgument, "sms_id"));
  one = Workstation();
  one.set_operating_system("li\nnux");
  EXPECT_THAT(CheckWorkstation("NYC", 3, one),
              Refuses(StatusCode::kInvalidArgument, "operating_system"));
}

TEST(WorkstationTest, PropertiesHaveLimits) {
  site::v1::Workstation one = Workstation();
  (*one.mutable_properties())["a"] = std::string(kPropertyBytesMax + 1, 'x');
  EXPECT_THAT(CheckWorkstation("NYC", 0, one), Refuses(StatusCode::kInvalidArgument, "['a']"));
  one = Workstation();
  (*one.mutable_properties())["a"] = std::string("x\0y", 3);
  EXPECT_THAT(CheckWorkstation("NYC", 0, one), Refuses(StatusCode::kInvalidArgument, "['a']"));
  one = Workstation();
  (*one.mutable_properties())[std::string(64, 'n')] = "x";
  EXPECT_THAT(CheckWorkstation("NYC", 0, one), Refuses(StatusCode::kInvalidArgument, "63 bytes"));
  one = Workstation();
  for (int i = 0; i <= kPropertiesMax; ++i) {
    (*one.mutable_properties())[absl::StrCat("p", i)] = "x";
  }
  EXPECT_THAT(CheckWorkstation("NYC", 0, one), Refuses(StatusCode::kInvalidArgument, "at most 64"));
}

TEST(NoSuchTest, NamesTheFirstAndCountsTheRest) {
  EXPECT_EQ(NoSuch("site", {"NYC"}).message(), "no such site: NYC");
  const std::vector<std::string> names(kNamesShownMax + 5, "X");
  EXPECT_THAT(NoSuch("site", names), Refuses(StatusCode::kNotFound, "and 5 more"));
}

package::v1::Package Package() {
  package::v1::Package package;
  package.set_name("office");
  package.set_source_directory("/src/office");
  package::v1::Command& command = *package.add_commands();
  command.set_command_name("install");
  command.add_arguments("bin/setup");
  SetDefaults(package);
  return package;
}

TEST(PackageTest, DefaultsAreAnHourAndExitCodeZero) {
  const package::v1::Package package = Package();
  EXPECT_THAT(CheckPackage(package), IsOk());
  EXPECT_EQ(package.commands(0).time_limit().seconds(), 3600);
  ASSERT_EQ(package.commands(0).success_exit_codes_size(), 1);
  EXPECT_EQ(package.commands(0).success_exit_codes(0), 0);
}

TEST(PackageTest, TheProgramStaysInThePackage) {
  for (const char* program : {"setup", "bin/setup", "/usr/bin/env"}) {
    package::v1::Package package = Package();
    package.mutable_commands(0)->set_arguments(0, program);
    EXPECT_THAT(CheckPackage(package), IsOk()) << program;
  }
  for (const char* program : {"", "../x", "bin/../../x", "./x", "bin//x", "bin/", "//x", "C:\\x"}) {
    package::v1::Package package = Package();
    package.mutable_commands(0)->set_arguments(0, program);
    EXPECT_THAT(CheckPackage(package),
                Refuses(StatusCode::kInvalidArgument, "command 'install'.arguments[0]"))
        << program;
  }
}

// The rest is in order_rules_test.
TEST(PackageTest, ACommandIsOneThatEverySiteTakes) {
  package::v1::Package package = Package();
  package.mutable_commands(0)->add_arguments("a\rb");
  EXPECT_THAT(CheckPackage(package),
              Refuses(StatusCode::kInvalidArgument, "command 'install'.arguments[1]"));
  package = Package();
  package.mutable_commands(0)->mutable_time_limit()->set_nanos(500'000'000);
  EXPECT_THAT(CheckPackage(package),
              Refuses(StatusCode::kInvalidArgument, "command 'install'.time_limit"));
}

TEST(PackageTest, CommandsHaveDifferentNamesAndALimit) {
  package::v1::Package package = Package();
  *package.add_commands() = package.commands(0);
  EXPECT_THAT(CheckPackage(package),
              Refuses(StatusCode::kInvalidArgument, "'install' is there twice"));
  package = Package();
  for (int i = 0; i < kCommandsMax; ++i) {
    *package.add_commands() = package.commands(0);
  }
  EXPECT_THAT(CheckPackage(package), Refuses(StatusCode::kInvalidArgument, "at most 100"));
  package = Package();
  package.mutable_commands(0)->set_command_name(" x");
  EXPECT_THAT(CheckPackage(package), Refuses(StatusCode::kInvalidArgument, "command_name"));
}

TEST(PackageTest, NameCommentAndSourceAreChecked) {
  package::v1::Package package = Package();
  package.set_name("");
  EXPECT_THAT(CheckPackage(package), Refuses(StatusCode::kInvalidArgument, "name"));
  package = Package();
  package.set_comment(std::string(1001, 'x'));
  EXPECT_THAT(CheckPackage(package), Refuses(StatusCode::kInvalidArgument, "comment"));
  package = Package();
  package.set_source_directory("src/office");
  EXPECT_THAT(CheckPackage(package), Refuses(StatusCode::kInvalidArgument, "source_directory"));
}

TEST(SourceRootTest, TheLongestRootThatHoldsTheSourceIsTaken) {
  const std::vector<std::string> roots = {"/src", "/src/deep", "/other"};
  EXPECT_EQ(FindSourceRoot(roots, "/src/office").value(), "/src");
  EXPECT_EQ(FindSourceRoot(roots, "/src/deep/x").value(), "/src/deep");
  EXPECT_EQ(FindSourceRoot(roots, "/other").value(), "/other");
  EXPECT_THAT(FindSourceRoot(roots, "/srcery").status(),
              Refuses(StatusCode::kFailedPrecondition, "/src, /src/deep, /other"));
  EXPECT_THAT(FindSourceRoot({}, "/src").status(),
              Refuses(StatusCode::kFailedPrecondition, "there is none"));
}

}  // namespace
}  // namespace waybill::scheduler
