#include "services/scheduler/status_store.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"
#include "services/scheduler/site_fixture_test.h"

namespace waybill::scheduler {
namespace {

using status::v1::StatusRecord;

constexpr absl::Duration kLease = absl::Seconds(15);
const std::string kJob =
    "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, priority, target_kind, "
    "start_after, "
    "deadline, send_phase, state) VALUES ('CEN00007', 'CEN', 2, 'CEN00001', 2, 0, now(), now(), 1, "
    "2);"
    "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES ('CEN00007', 'BOS00001', "
    "'BOS');"
    "INSERT INTO waybill.job_site (job_id, site_code, send_state) VALUES ('CEN00007', 'BOS', 3), "
    "('CEN00007', 'LAB', 1);";

// BOS and its parent CEN, each with its own job database; records go from one store to the other.
class StatusStoreTest : public ::testing::Test {
 protected:
  StatusStoreTest() {
    bos_.db.Execute("INSERT INTO waybill.site VALUES ('LAB', 'BOS', 'Laboratory')");
  }

  std::int64_t Epoch() { return child_.GetShipping()->epoch; }

  std::int64_t Fence() { return *child_.TakeShipperLease("shipper", kLease); }

  // What the shipper does, without the network.
  void Ship() {
    const std::int64_t fence = Fence();
    const auto opened = parent_.OpenInbox("BOS", Epoch());
    ASSERT_THAT(opened, IsOk());
    std::int64_t sequence = *opened;
    for (;;) {
      const auto records = child_.TakeRecords(fence, sequence, 3);
      ASSERT_THAT(records, IsOk());
      if (records->empty()) {
        return;
      }
      const auto applied = parent_.Apply("BOS", Epoch(), *records);
      ASSERT_THAT(applied, IsOk());
      sequence = applied->sequence;
      ASSERT_THAT(child_.Acknowledge(fence, sequence), IsOk());
    }
  }

  std::string AtParent(const std::string& sql) const { return cen_.db.QueryText(sql); }
  void AtChild(const std::string& sql) const { bos_.db.Execute(sql); }

  SiteFixture cen_{"CEN"};
  SiteFixture bos_{"BOS", "CEN"};
  StatusStore parent_{*cen_.database};
  StatusStore child_{*bos_.database};
};

TEST_F(StatusStoreTest, BringsUpRegistrations) {
  AtChild(
      "INSERT INTO waybill.site VALUES ('ATT', 'LAB', 'Attic');"
      "INSERT INTO waybill.distribution_server VALUES ('BOS', 'DS1');"
      "INSERT INTO waybill.distribution_share VALUES ('BOS', 'DS1', 'c', '/c', ''), ('BOS', 'DS1', "
      "'d', '/d', 'http://ds1');"
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain, properties) "
      "VALUES ('BOS00001', 'BOS', 'w1', 'SALES', '{\"room\": \"4b\"}')");
  Ship();
  EXPECT_EQ(AtParent("SELECT name || parent_site_code FROM waybill.site WHERE site_code = 'ATT'"),
            "AtticLAB");
  EXPECT_EQ(AtParent("SELECT string_agg(drive || directory || url, ' ' ORDER BY drive) FROM "
                     "waybill.distribution_share"),
            "c/c d/dhttp://ds1");
  EXPECT_EQ(AtParent("SELECT host_name || (properties ->> 'room') FROM waybill.workstation"),
            "w14b");
  AtChild(
      "DELETE FROM waybill.distribution_share WHERE drive = 'c';"
      "UPDATE waybill.workstation SET host_name = 'w2'");
  Ship();
  EXPECT_EQ(AtParent("SELECT string_agg(drive, ' ') FROM waybill.distribution_share"), "d");
  AtChild("UPDATE waybill.distribution_share SET url = 'http://ds1:81'");
  Ship();
  EXPECT_EQ(AtParent("SELECT url FROM waybill.distribution_share"), "http://ds1:81");
  AtChild("UPDATE waybill.distribution_share SET url = ''");
  Ship();
  EXPECT_EQ(AtParent("SELECT directory || url FROM waybill.distribution_share"), "/d");
  EXPECT_EQ(AtParent("SELECT host_name FROM waybill.workstation"), "w2");
  EXPECT_EQ(bos_.db.QueryText("SELECT count(*) FROM waybill.outbox"), "0");
}

TEST_F(StatusStoreTest, BringsUpTheLedgerAndItsRemovals) {
  bos_.AddVersion('a');
  AtChild(
      absl::StrCat("INSERT INTO waybill.location (site_code, server_name, package_id, version, "
                   "drive, directory, plain_bytes) "
                   "VALUES ('BOS', 'DS1', 'CEN00001', '\\x",
                   SiteFixture::Version('a'), "', 'c', '/c/v', 10)"));
  Ship();
  EXPECT_EQ(AtParent("SELECT site_code || directory || plain_bytes FROM waybill.location"),
            "BOS/c/v10");
  EXPECT_EQ(AtParent("SELECT site_code || encode(version, 'hex') FROM waybill.holding"),
            "BOS" + SiteFixture::Version('a'));
  AtChild("DELETE FROM waybill.location; DELETE FROM waybill.package_version");
  Ship();
  EXPECT_EQ(AtParent("SELECT (SELECT count(*) FROM waybill.location) + (SELECT count(*) FROM "
                     "waybill.holding)"),
            "0");
}

TEST_F(StatusStoreTest, BringsUpTheEdgesOfAJobFromAbove) {
  cen_.db.Execute(kJob);
  AtChild(kJob);
  AtChild(
      "UPDATE waybill.job_site SET send_state = 6, bytes_total = 9, bytes_sent = 9 WHERE site_code "
      "= 'LAB';"
      "UPDATE waybill.job_site SET send_state = 2, bytes_sent = 5, commit_seen = true, "
      "revision_committed = 1 "
      "WHERE site_code = 'BOS';"
      "INSERT INTO waybill.job_server (job_id, site_code, server_name, state, reason, next_time) "
      "VALUES ('CEN00007', 'BOS', 'DS1', 4, 'INSUFFICIENT_SPACE: x', now());"
      "UPDATE waybill.job_target SET state = 5, exit_code = 0, output = 'done', start_time = "
      "now(), "
      "run_duration = '1.5 s', attempt_count = 1");
  Ship();
  EXPECT_EQ(
      AtParent(
          "SELECT send_state || ' ' || bytes_sent FROM waybill.job_site WHERE site_code = 'LAB'"),
      "6 9");
  EXPECT_EQ(AtParent("SELECT send_state || ' ' || bytes_sent || commit_seen || revision_committed "
                     "FROM waybill.job_site WHERE site_code = 'BOS'"),
            "3 0true1")
      << "how far the sending to the child is, its parent's own Sender says";
  EXPECT_EQ(AtParent("SELECT state || reason FROM waybill.job_server"), "4INSUFFICIENT_SPACE: x");
  EXPECT_EQ(AtParent("SELECT state || output || run_duration FROM waybill.job_target"),
            "5done00:00:01.5");
}

TEST_F(StatusStoreTest, TakesTheChildsOwnFailure) {
  cen_.db.Execute(kJob);
  AtChild(kJob);
  AtChild(
      "UPDATE waybill.job_site SET send_state = 7, send_reason = 'VERSION_NOT_AT_SITE: x' WHERE "
      "site_code = 'BOS'");
  Ship();
  EXPECT_EQ(
      AtParent("SELECT send_state || send_reason FROM waybill.job_site WHERE site_code = 'BOS'"),
      "7VERSION_NOT_AT_SITE: x");
}

// What went wrong elsewhere: status that came late turned a result back.
TEST_F(StatusStoreTest, NeverMovesAFinalTargetBack) {
  cen_.db.Execute(kJob + "UPDATE waybill.job_target SET state = 6");
  AtChild(kJob + "UPDATE waybill.job_target SET state = 4");
  Ship();
  EXPECT_EQ(AtParent("SELECT state FROM waybill.job_target"), "6");
}

TEST_F(StatusStoreTest, WhatWasConcludedFromAfarGivesWayToWhatRan) {
  cen_.db.Execute(kJob);
  AtChild(kJob);
  for (const char* concluded : {"6", "11"}) {
    cen_.db.Execute(
        absl::StrCat("UPDATE waybill.job_target SET start_time = NULL, state = ", concluded));
    AtChild("UPDATE waybill.job_target SET state = 12, start_time = NULL");
    Ship();
    EXPECT_EQ(AtParent("SELECT state FROM waybill.job_target"), concluded);
    AtChild("UPDATE waybill.job_target SET state = 5, start_time = now()");
    Ship();
    EXPECT_EQ(AtParent("SELECT state FROM waybill.job_target"), "5");
  }
}

TEST_F(StatusStoreTest, TellsACommitOnlyBehindTheServersThatCameWithIt) {
  cen_.db.Execute(kJob);
  AtChild(kJob);
  Ship();
  AtChild("UPDATE waybill.job_site SET bytes_sent = 1 WHERE site_code = 'LAB'");
  const auto opened = parent_.OpenInbox("BOS", Epoch());
  ASSERT_THAT(opened, IsOk());
  // The change above has its sequence already when the commit of LAB comes in.
  ASSERT_THAT(child_.TakeRecords(Fence(), *opened, 1), IsOk());
  AtChild(
      "INSERT INTO waybill.job_server (job_id, site_code, server_name, state) VALUES ('CEN00007', "
      "'LAB', 's', 1);"
      "UPDATE waybill.job_site SET commit_seen = true WHERE site_code = 'LAB'");
  std::int64_t sequence = *opened;
  for (const char* expected : {"false 0", "false 1", "true 1"}) {
    const auto records = child_.TakeRecords(Fence(), sequence, 1);
    ASSERT_THAT(records, IsOk());
    const auto applied = parent_.Apply("BOS", Epoch(), *records);
    ASSERT_THAT(applied, IsOk());
    sequence = applied->sequence;
    EXPECT_EQ(
        AtParent("SELECT commit_seen::text || ' ' || (SELECT count(*) FROM waybill.job_server)"
                 " FROM waybill.job_site WHERE site_code = 'LAB'"),
        expected);
  }
}

TEST_F(StatusStoreTest, WorkstationsMayExchangeTheirNames) {
  bos_.AddWorkstation("BOS00001", "SALES", "pc1");
  bos_.AddWorkstation("BOS00002", "SALES", "pc2");
  Ship();
  AtChild(
      "UPDATE waybill.workstation SET host_name = 'x' WHERE sms_id = 'BOS00001';"
      "UPDATE waybill.workstation SET host_name = 'pc1' WHERE sms_id = 'BOS00002';"
      "UPDATE waybill.workstation SET host_name = 'pc2' WHERE sms_id = 'BOS00001'");
  Ship();
  EXPECT_EQ(cen_.Joined("SELECT host_name FROM waybill.workstation ORDER BY sms_id"), "pc2 pc1");
}

TEST_F(StatusStoreTest, AWorkstationOfAnotherChildStaysThere) {
  cen_.AddWorkstation("NYC00001", "SALES", "pc1");
  AtChild(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain)"
      " VALUES ('NYC00001', 'BOS', 'stolen', 'SALES')");
  Ship();
  EXPECT_EQ(AtParent("SELECT site_code || host_name FROM waybill.workstation"), "NYCpc1");
}

TEST_F(StatusStoreTest, KeepsQuietAboutJobsOfItsOwn) {
  AtChild("UPDATE waybill.self SET parent_site_code = 'CEN';" + kJob);
  Ship();
  AtChild(
      "UPDATE waybill.job SET origin_site_code = 'BOS'; UPDATE waybill.job_site SET bytes_sent = "
      "1");
  EXPECT_TRUE(child_.TakeRecords(Fence(), child_.GetShipping()->shipped_sequence, 10)->empty());
}

TEST_F(StatusStoreTest, AppliesABatchOnceHoweverOftenItComes) {
  AtChild(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) VALUES ('BOS00001', "
      "'BOS', 'w1', 'D')");
  ASSERT_THAT(parent_.OpenInbox("BOS", Epoch()), IsOk());
  const std::vector<StatusRecord> records = *child_.TakeRecords(Fence(), 0, 100);
  const std::int64_t last = records.back().sequence();
  EXPECT_EQ(parent_.Apply("BOS", Epoch(), records)->sequence, last);
  EXPECT_EQ(parent_.Apply("BOS", Epoch(), records)->sequence, last);
  EXPECT_EQ(*parent_.OpenInbox("BOS", Epoch()), last) << "where a broken stream goes on";
  StatusRecord gap;
  gap.set_sequence(last + 2);
  EXPECT_THAT(parent_.Apply("BOS", Epoch(), {gap}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(AtParent("SELECT sequence FROM waybill.inbox"), absl::StrCat(last));
}

TEST_F(StatusStoreTest, RefusesWhoIsNoChildAndAnOldEpoch) {
  EXPECT_THAT(parent_.OpenInbox("LAB", 1), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(parent_.OpenInbox("CEN", 1), StatusIs(absl::StatusCode::kPermissionDenied));
  ASSERT_THAT(parent_.OpenInbox("BOS", 5), IsOk());
  EXPECT_THAT(parent_.OpenInbox("BOS", 4), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(parent_.Apply("BOS", 4, {}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// LAB is BOS's child here; NYC has put it too and cannot know.
TEST_F(StatusStoreTest, ASecondParentIsPassedOverAndTheChildsStreamGoesOn) {
  StatusRecord site;
  site.set_sequence(1);
  site.mutable_site()->set_site_code("LAB");
  site.mutable_site()->set_parent_site_code("NYC");
  site.mutable_site()->set_name("stolen");
  StatusRecord server;
  server.set_sequence(2);
  server.mutable_distribution_server()->set_site_code("LAB");
  server.mutable_distribution_server()->set_server_name("DS1");
  StatusRecord own = server;
  own.set_sequence(3);
  own.mutable_distribution_server()->set_site_code("NYC");
  ASSERT_THAT(parent_.OpenInbox("NYC", 1), IsOk());
  for (const std::vector<StatusRecord>& batch : {std::vector<StatusRecord>{site, server}, {own}}) {
    const auto applied = parent_.Apply("NYC", 1, batch);
    ASSERT_THAT(applied, IsOk());
    EXPECT_EQ(applied->sequence, batch.back().sequence());
    EXPECT_EQ(applied->passed_over.size(), batch.size() == 2 ? 2U : 0U);
  }
  EXPECT_EQ(AtParent("SELECT parent_site_code || name FROM waybill.site WHERE site_code = 'LAB'"),
            "BOS");
  EXPECT_EQ(cen_.Joined("SELECT site_code FROM waybill.distribution_server"), "NYC");
}

TEST_F(StatusStoreTest, ReportsEverythingAnewAfterARestore) {
  AtChild(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain) VALUES ('BOS00001', "
      "'BOS', 'w1', 'D')");
  Ship();
  const std::int64_t before = Epoch();
  AtChild("UPDATE waybill.workstation SET host_name = 'restored'");
  ASSERT_THAT(child_.StartEpoch(Fence()), IsOk());
  EXPECT_GT(Epoch(), before);
  Ship();
  EXPECT_EQ(AtParent("SELECT host_name FROM waybill.workstation"), "restored");
}

TEST_F(StatusStoreTest, LetsOneProcessShipAtATime) {
  const auto fence = child_.TakeShipperLease("one", kLease);
  ASSERT_THAT(fence, IsOk());
  EXPECT_EQ(*child_.TakeShipperLease("one", kLease), *fence) << "renewed";
  EXPECT_THAT(child_.TakeShipperLease("two", kLease), StatusIs(absl::StatusCode::kAborted));
  AtChild("UPDATE waybill.lease SET end_time = now()");
  EXPECT_GT(*child_.TakeShipperLease("two", kLease), *fence);
}

// It slept for longer than its lease, and goes on where it was.
TEST_F(StatusStoreTest, AShipperThatLostItsLeaseChangesNothing) {
  bos_.AddWorkstation("BOS00001", "SALES", "pc1");
  const std::int64_t stale = *child_.TakeShipperLease("one", kLease);
  AtChild("UPDATE waybill.lease SET end_time = now()");
  const std::int64_t fence = *child_.TakeShipperLease("two", kLease);
  const auto records = child_.TakeRecords(fence, 0, 100);
  ASSERT_THAT(records, IsOk());
  bos_.AddWorkstation("BOS00002", "SALES", "pc2");

  const std::string state =
      "SELECT (SELECT string_agg(outbox_id || ':' || coalesce(sequence, 0), ' ' ORDER BY outbox_id)"
      " FROM waybill.outbox) || s::text FROM waybill.self s";
  const std::string before = bos_.Text(state);
  constexpr auto kLost = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(child_.TakeRecords(stale, 0, 100), StatusIs(kLost));
  EXPECT_THAT(child_.Acknowledge(stale, records->back().sequence()), StatusIs(kLost));
  EXPECT_THAT(child_.PutAncestors(stale, {"OLD"}), StatusIs(kLost));
  EXPECT_THAT(child_.StartEpoch(stale), StatusIs(kLost));
  EXPECT_EQ(bos_.Text(state), before);
  EXPECT_THAT(child_.Acknowledge(fence, records->back().sequence()), IsOk());
}

TEST_F(StatusStoreTest, TellsAChildTheLineAboveIt) {
  EXPECT_THAT(*parent_.ListLine(), ::testing::ElementsAre("CEN"));
  EXPECT_THAT(*child_.ListLine(), ::testing::ElementsAre("BOS", "CEN"));
  ASSERT_THAT(child_.PutAncestors(Fence(), {"CEN", "TOP"}), IsOk());
  EXPECT_THAT(*child_.ListLine(), ::testing::ElementsAre("BOS", "CEN", "TOP"));
}

}  // namespace
}  // namespace waybill::scheduler
