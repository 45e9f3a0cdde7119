#include "services/scheduler/site_store.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/status/status_matchers.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message());
}

TEST(SiteStoreTest, ClaimingADatabaseWritesTheSiteOnceAndMayBeRepeated) {
  Registry registry("BOS", "CEN");
  ASSERT_THAT(registry.sites.ClaimDatabase("BOS", "CEN"), IsOk());
  const absl::StatusOr<Self> self = registry.sites.GetSelf();
  ASSERT_THAT(self, IsOk());
  EXPECT_EQ(self->site_code, "BOS");
  EXPECT_EQ(self->parent_site_code, "CEN");
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.site"), "1");
}

TEST(SiteStoreTest, ADatabaseOfAnotherSiteIsRefusedNamingBoth) {
  Registry registry("BOS", "CEN");
  const absl::Status status = registry.sites.ClaimDatabase("NYC", "CEN");
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(TextOf(status), testing::AllOf(HasSubstr("BOS"), HasSubstr("NYC")));
  EXPECT_EQ(registry.Text("SELECT site_code FROM waybill.self"), "BOS");
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.site"), "1");
}

TEST(SiteStoreTest, NothingCanBeRegisteredBeforeTheDatabaseIsClaimed) {
  jobdb::TestDatabase db;
  const auto database = Registry::Open(db.uri());
  SiteStore sites(*database);
  EXPECT_THAT(sites.GetSelf(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(sites.PutSite(MakeSite("LAB", "BOS")), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(sites.GetDistributionServer("", "DS1"), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(WorkstationStore(*database).PutBatch({}), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(PackageStore(*database).Create("r", MakePackage("office", "/src/office")),
              StatusIs(StatusCode::kFailedPrecondition));
}

TEST(SiteStoreTest, AChildIsPutRenamedListedAndReported) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS", "Laboratory")), IsOk());
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS", "Lab")), IsOk());
  const absl::StatusOr<site::v1::Site> site = registry.sites.GetSite("LAB");
  ASSERT_THAT(site, IsOk());
  EXPECT_EQ(site->name(), "Lab");
  EXPECT_EQ(site->parent_site_code(), "BOS");
  const absl::StatusOr<std::vector<site::v1::Site>> sites = registry.sites.ListSites();
  ASSERT_THAT(sites, IsOk());
  ASSERT_EQ(sites->size(), 2U);
  EXPECT_EQ((*sites)[0].site_code(), "BOS");
  EXPECT_EQ((*sites)[1].site_code(), "LAB");
}

TEST(SiteStoreTest, ARepeatOfAPutReportsNothing) {
  Registry registry;
  const site::v1::DistributionServer server = MakeServer("DS1", {{"c", "/srv/c"}});
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS", "Lab")), IsOk());
  ASSERT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  const std::string before = registry.OutboxCount();
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS", "Lab")), IsOk());
  ASSERT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  EXPECT_EQ(registry.OutboxCount(), before);
}

TEST(SiteStoreTest, CirclesAndSecondParentsAreRefusedAndChangeNothing) {
  Registry registry;
  registry.db.Execute("UPDATE waybill.self SET ancestor_site_codes = '{CEN,TOP}'");
  registry.db.Execute(
      "INSERT INTO waybill.site (site_code, parent_site_code) VALUES ('LAB', 'BOS'), ('DEP', "
      "'LAB')");
  for (const site::v1::Site& site :
       {MakeSite("CEN", "BOS"), MakeSite("TOP", "BOS"), MakeSite("BOS", "BOS"),
        MakeSite("DEP", "BOS"), MakeSite("NEW", "LAB"), MakeSite("NEW", "NYC"),
        MakeSite("BOS", "CEN")}) {
    EXPECT_THAT(registry.sites.PutSite(site), StatusIs(StatusCode::kFailedPrecondition))
        << site.ShortDebugString();
  }
  EXPECT_EQ(
      registry.Text("SELECT string_agg(site_code || parent_site_code, ' ' ORDER BY site_code) "
                    "FROM waybill.site"),
      "BOSCEN DEPLAB LABBOS");
}

TEST(SiteStoreTest, AnUnknownSiteIsNotFoundByName) {
  Registry registry;
  EXPECT_EQ(registry.sites.GetSite("XYZ").status(), absl::NotFoundError("no such site: XYZ"));
  EXPECT_EQ(registry.sites.PutAddress(MakeAddress("XYZ", "h:1")),
            absl::NotFoundError("no such site: XYZ"));
  EXPECT_THAT(registry.sites.GetAddress("XYZ"), StatusIs(StatusCode::kNotFound));
}

TEST(SiteStoreTest, AddressesAreOfThisSiteAndItsDirectChildren) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS")), IsOk());
  registry.db.Execute(
      "INSERT INTO waybill.site (site_code, parent_site_code) VALUES ('DEP', 'LAB')");
  ASSERT_THAT(registry.sites.PutAddress(MakeAddress("LAB", "lab:1")), IsOk());
  ASSERT_THAT(registry.sites.PutAddress(MakeAddress("BOS", "bos:1")), IsOk());
  ASSERT_THAT(registry.sites.PutAddress(MakeAddress("LAB", "lab:2")), IsOk());
  const absl::Status grandchild = registry.sites.PutAddress(MakeAddress("DEP", "dep:1"));
  EXPECT_THAT(grandchild, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(TextOf(grandchild), HasSubstr("its parent, site LAB"));
  EXPECT_EQ(registry.sites.GetAddress("LAB")->endpoint(), "lab:2");
  const absl::StatusOr<std::vector<site::v1::Address>> all = registry.sites.ListAddresses();
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].site_code(), "BOS");
  EXPECT_EQ((*all)[1].concurrent_sends_max(), 3);
}

TEST(SiteStoreTest, ADistributionServersSharesAreReplaced) {
  Registry registry;
  ASSERT_THAT(
      registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/c"}, {"d", "/srv/d"}})),
      IsOk());
  ASSERT_THAT(
      registry.sites.PutDistributionServer(MakeServer("DS1", {{"d", "/srv/d2"}, {"e", "/srv/e"}})),
      IsOk());
  const absl::StatusOr<site::v1::DistributionServer> server =
      registry.sites.GetDistributionServer("", "DS1");
  ASSERT_THAT(server, IsOk());
  EXPECT_EQ(server->site_code(), "BOS");
  ASSERT_EQ(server->shares_size(), 2);
  EXPECT_EQ(server->shares(0).drive(), "d");
  EXPECT_EQ(server->shares(0).directory(), "/srv/d2");
  EXPECT_EQ(server->shares(1).drive(), "e");
}

TEST(SiteStoreTest, AShareKeepsItsUrlUntilItIsPutWithoutIt) {
  Registry registry;
  site::v1::DistributionServer server = MakeServer("DS1", {{"c", "/srv/c"}, {"d", "/srv/d"}});
  server.mutable_shares(0)->set_url("http://ds1:8080");
  const auto urls = [&registry] {
    const site::v1::DistributionServer got =
        registry.sites.GetDistributionServer("", "DS1").value();
    return std::make_pair(got.shares(0).url(), got.shares(1).url());
  };
  ASSERT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  EXPECT_EQ(urls(), std::make_pair(std::string("http://ds1:8080"), std::string()));
  server.mutable_shares(0)->set_url("http://ds1:8081");
  const std::string before = registry.OutboxCount();
  ASSERT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  EXPECT_EQ(urls().first, "http://ds1:8081");
  EXPECT_NE(registry.OutboxCount(), before) << "a change of the URL alone is reported";
  server.mutable_shares(0)->clear_url();
  ASSERT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  EXPECT_EQ(urls().first, "");
}

TEST(SiteStoreTest, AChangedUrlAsksForTheDefinitionFilesThatSayIt) {
  Registry registry;
  const std::string version(64, 'a');
  registry.db.Execute(absl::StrCat(
      "INSERT INTO waybill.package (package_id, name) VALUES ('CEN00001', 'office');"
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, directory,"
      " plain_bytes) VALUES ('BOS', 'DS1', 'CEN00001', '\\x",
      version, "', 'c', '/srv/c/v', 1)"));
  for (const auto& [job_id, digits] :
       {std::make_pair("CEN00001", version), std::make_pair("CEN00002", std::string(64, 'b'))}) {
    registry.db.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
        "target_kind, start_after, deadline, send_phase, command_name, arguments, offer_after, "
        "state) VALUES ('",
        job_id, "', 'CEN', 1, 'CEN00001', '\\x", digits,
        "', 2, 1, now(), now() + interval '7 days', 1, 'install', '{setup}', now(), 2)"));
  }
  // Offered, ended, of another version, and of another site.
  registry.db.Execute(
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code, state) VALUES "
      "('CEN00001', 'BOS00001', 'BOS', 2), ('CEN00001', 'BOS00002', 'BOS', 5), "
      "('CEN00002', 'BOS00003', 'BOS', 2), ('CEN00001', 'LAB00001', 'LAB', 2);"
      "INSERT INTO waybill.pcm_definition (sms_id, domain) SELECT sms_id, 'SALES' FROM "
      "waybill.job_target");
  const auto bumped = [&registry] {
    return registry.Text(
        "SELECT coalesce(string_agg(sms_id || '=' || offer_version, ' ' ORDER BY sms_id), '') FROM "
        "waybill.pcm_definition WHERE offer_version > 1");
  };
  const auto put = [&registry](const std::string& drive, const std::string& url) {
    site::v1::DistributionServer server = MakeServer("DS1", {{drive.c_str(), "/srv/c"}});
    server.mutable_shares(0)->set_url(url);
    EXPECT_THAT(registry.sites.PutDistributionServer(server), IsOk());
  };
  put("c", "");
  put("c", "");
  EXPECT_EQ(bumped(), "");
  put("c", "http://ds1");
  EXPECT_EQ(bumped(), "BOS00001=2");
  put("c", "http://ds1");
  EXPECT_EQ(bumped(), "BOS00001=2") << "a repeat changes nothing";
  put("c", "http://ds1:81");
  EXPECT_EQ(bumped(), "BOS00001=3");
  put("d", "");
  EXPECT_EQ(bumped(), "BOS00001=4") << "the share is gone, and its URL with it";
}

TEST(SiteStoreTest, TwoServersOrAServerAndASourceCannotShareADirectory) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/one"}})), IsOk());
  ASSERT_THAT(registry.packages.Create("r1", MakePackage("office", "/src/office")), IsOk());
  for (const char* directory : {"/srv/one", "/srv/one/in", "/srv", "/src/office/x", "/src"}) {
    EXPECT_THAT(registry.sites.PutDistributionServer(MakeServer("DS2", {{"c", directory}})),
                StatusIs(StatusCode::kFailedPrecondition))
        << directory;
  }
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.distribution_server"), "1");
  EXPECT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/one/in"}})),
              IsOk());
}

TEST(SiteStoreTest, ServersOfOtherSitesAreListedButNotPut) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/c"}})), IsOk());
  registry.db.Execute(
      "INSERT INTO waybill.distribution_server VALUES ('LAB', 'DS1');"
      "INSERT INTO waybill.distribution_share VALUES ('LAB', 'DS1', 'c', '/srv/c')");
  site::v1::DistributionServer server = MakeServer("DS1", {{"c", "/srv/x"}});
  server.set_site_code("LAB");
  EXPECT_THAT(registry.sites.PutDistributionServer(server),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(registry.sites.ListDistributionServers("")->size(), 2U);
  EXPECT_EQ(registry.sites.ListDistributionServers("LAB")->size(), 1U);
  EXPECT_EQ(registry.sites.GetDistributionServer("LAB", "DS1")->site_code(), "LAB");
  EXPECT_EQ(registry.sites.GetDistributionServer("LAB", "DS9").status(),
            absl::NotFoundError("no such distribution server: LAB|DS9"));
}

TEST(SiteStoreTest, LogonServersArePutMovedAndKeptApart) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutLogonServer(MakeLogonServer("LS1", "/srv/ls1")), IsOk());
  ASSERT_THAT(registry.sites.PutLogonServer(MakeLogonServer("LS1", "/srv/ls1/moved")), IsOk());
  const absl::Status overlap = registry.sites.PutLogonServer(MakeLogonServer("LS2", "/srv/ls1"));
  EXPECT_THAT(overlap, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(TextOf(overlap), HasSubstr("logon server LS1"));
  site::v1::LogonServer elsewhere = MakeLogonServer("LS3", "/srv/ls3");
  elsewhere.set_site_code("LAB");
  EXPECT_THAT(registry.sites.PutLogonServer(elsewhere), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(registry.sites.GetLogonServer("LS1")->directory(), "/srv/ls1/moved");
  EXPECT_EQ(registry.sites.GetLogonServer("LS1")->site_code(), "BOS");
  EXPECT_THAT(registry.sites.GetLogonServer("LS2"), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(registry.sites.ListLogonServers()->size(), 1U);
}

TEST(SiteStoreTest, AGroupsMembersAreReplacedAndCountOnce) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("D", "a", "BOS00001"),
                                              MakeWorkstation("D", "b", "BOS00002"),
                                              MakeWorkstation("D", "c", "BOS00003")}),
              IsOk());
  const auto kind = site::v1::GROUP_KIND_WORKSTATIONS;
  ASSERT_THAT(registry.sites.PutGroup(MakeGroup("pilot", kind, {"BOS00002", "BOS00001"})), IsOk());
  ASSERT_THAT(
      registry.sites.PutGroup(MakeGroup("pilot", kind, {"BOS00003", "BOS00002", "BOS00003"})),
      IsOk());
  const absl::StatusOr<site::v1::Group> group = registry.sites.GetGroup("pilot");
  ASSERT_THAT(group, IsOk());
  EXPECT_THAT(group->members(), testing::ElementsAre("BOS00002", "BOS00003"));
  EXPECT_EQ(registry.sites.ListGroups()->size(), 1U);
  EXPECT_EQ(registry.sites.ListGroups()->front().members_size(), 0);
}

TEST(SiteStoreTest, UnknownMembersAreNamedAndNothingChanges) {
  Registry registry;
  ASSERT_THAT(registry.workstations.PutBatch({MakeWorkstation("D", "a", "BOS00001")}), IsOk());
  ASSERT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/c"}})), IsOk());
  EXPECT_EQ(registry.sites.PutGroup(MakeGroup("pilot", site::v1::GROUP_KIND_WORKSTATIONS,
                                              {"BOS00009", "BOS00001", "BOS00008"})),
            absl::NotFoundError("no such workstation: BOS00009, BOS00008"));
  EXPECT_EQ(registry.sites.PutGroup(MakeGroup(kDefaultServersGroup, site::v1::GROUP_KIND_SERVERS,
                                              {"BOS|DS1", "BOS|DS9"})),
            absl::NotFoundError("no such distribution server: BOS|DS9"));
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.machine_group"), "0");
  EXPECT_THAT(registry.sites.GetGroup("pilot"), StatusIs(StatusCode::kNotFound));
}

TEST(SiteStoreTest, AGroupKeepsItsKind) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutGroup(MakeGroup("g", site::v1::GROUP_KIND_SERVERS, {})), IsOk());
  const absl::Status status =
      registry.sites.PutGroup(MakeGroup("g", site::v1::GROUP_KIND_WORKSTATIONS, {}));
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(TextOf(status), HasSubstr("is one of servers"));
}

TEST(SiteStoreTest, TheHierarchyCountsAndShowsTheLastReportOfDirectChildren) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutSite(MakeSite("LAB", "BOS", "Lab")), IsOk());
  ASSERT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/c"}})), IsOk());
  ASSERT_THAT(
      registry.workstations.PutBatch({MakeWorkstation("D", "a"), MakeWorkstation("D", "b")}),
      IsOk());
  registry.db.Execute(
      "INSERT INTO waybill.site (site_code, parent_site_code) VALUES ('ABC', 'LAB');"
      "INSERT INTO waybill.inbox (site_code, epoch, last_report_time) "
      "VALUES ('LAB', 1, '2026-01-02 03:04:05+00')");
  const absl::StatusOr<std::vector<HierarchyRow>> rows = registry.sites.GetHierarchy();
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ((*rows)[0].site.site_code(), "BOS");
  EXPECT_EQ((*rows)[0].distribution_server_count, 1);
  EXPECT_EQ((*rows)[0].workstation_count, 2);
  EXPECT_FALSE((*rows)[0].last_report_time.has_value());
  EXPECT_EQ((*rows)[1].site.name(), "Lab");
  EXPECT_EQ((*rows)[1].last_report_time, absl::FromUnixSeconds(1'767'323'045));
  EXPECT_EQ((*rows)[2].site.site_code(), "ABC");  // Behind its parent.
  EXPECT_EQ((*rows)[2].depth, 2);
}

}  // namespace
}  // namespace waybill::scheduler
