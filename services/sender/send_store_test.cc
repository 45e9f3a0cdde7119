#include "services/sender/send_store.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/advisory_locks.h"
#include "common/status/status_matchers.h"
#include "services/sender/send_order.h"
#include "services/sender/test_queue.h"

namespace waybill::sender {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class SendStoreTest : public testing::Test {
 protected:
  std::vector<SendOrder> Claim(int sends_max = 5) {
    return store_.Claim({.sends_max = sends_max}).value();
  }
  SendOrder ClaimOne() {
    const std::vector<SendOrder> orders = Claim(1);
    EXPECT_THAT(orders, SizeIs(1));
    return orders.empty() ? SendOrder() : orders.front();
  }
  void EndLeases() const {
    queue_.Execute("UPDATE waybill.send_request SET lease_end_time = now() - interval '1 s'");
  }

  TestQueue queue_;
  SendStore store_{queue_.database()};
};

TEST_F(SendStoreTest, KnowsItsSite) {
  EXPECT_EQ(store_.GetSiteCode().value(), "CEN");
  queue_.Execute("DELETE FROM waybill.self");
  EXPECT_THAT(store_.GetSiteCode(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SendStoreTest, ClaimsByPriorityThenAgeWithinTheLimitsAndShowsIt) {
  queue_.AddJob("CEN00001");
  queue_.AddJob("CEN00002");
  queue_.AddJob("CEN00003");
  queue_.AddRequest("CEN00001", "NYC", 1);
  queue_.AddRequest("CEN00002", "NYC", 3);
  queue_.AddRequest("CEN00003", "NYC", 3);
  const std::vector<SendOrder> orders = Claim();
  ASSERT_THAT(orders, SizeIs(2));  // NYC takes two at once.
  std::vector<std::string> jobs = {orders[0].job_id, orders[1].job_id};
  EXPECT_THAT(jobs, testing::UnorderedElementsAre("CEN00002", "CEN00003"));
  EXPECT_EQ(orders[0].fence, 1);
  EXPECT_EQ(orders[0].endpoint, "127.0.0.1:2");
  EXPECT_TRUE(orders[0].verify_held);
  EXPECT_EQ(orders[0].version->ToHex().substr(0, 4), "abab");
  EXPECT_THAT(Claim(), IsEmpty());
  EXPECT_EQ(queue_.Query("SELECT send_state FROM waybill.job_site WHERE job_id = 'CEN00002' AND "
                         "site_code = 'NYC'"),
            "3");
}

// The other one has claimed what fills NYC and not committed when this one counts. The lock on the
// addresses stands for a commit between counting and choosing.
TEST_F(SendStoreTest, TheLimitsHoldOverTwoSendersThatClaimAtOnce) {
  for (const char* job_id : {"CEN00001", "CEN00002", "CEN00003"}) {
    queue_.AddJob(job_id);
    queue_.AddRequest(job_id, "NYC");
  }
  std::vector<SendOrder> orders;
  queue_.WhileOpen(
      absl::StrCat("SELECT pg_advisory_xact_lock(", jobdb::kSendClaimLock,
                   ");"
                   "LOCK TABLE waybill.address IN ACCESS EXCLUSIVE MODE;"
                   "UPDATE waybill.send_request SET state = 3, fence = 1,"
                   " lease_end_time = now() + interval '1 min' WHERE send_request_id <= 2"),
      [&] { orders = Claim(); });
  EXPECT_THAT(orders, IsEmpty()) << "NYC takes two at once";
}

TEST_F(SendStoreTest, ADeadSendersRequestIsClaimedAgainWithAHigherFenceAndTheDeadOneIsRefused) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  const SendOrder dead = ClaimOne();
  EndLeases();
  const SendOrder next = ClaimOne();
  EXPECT_EQ(next.fence, dead.fence + 1);
  constexpr auto kStale = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(store_.FinishSent(dead), StatusIs(kStale));
  EXPECT_THAT(store_.Retry(dead, "UNREACHABLE: x", absl::Seconds(1), 1), StatusIs(kStale));
  EXPECT_THAT(store_.Release(dead), StatusIs(kStale));
  EXPECT_THAT(store_.FinishFailed(dead, "CANCELLED: x"), IsOk());  // Changes nothing.
  EXPECT_THAT(store_.ShowProgress(dead, 10, 10), IsOk());          // Nor this.
  EXPECT_THAT(store_.Renew({dead}, absl::Seconds(15)).value(), IsEmpty());
  EXPECT_EQ(queue_.Request(1), "3 ");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB2 NYC3");
  EXPECT_THAT(store_.FinishSent(next), IsOk());
  EXPECT_EQ(queue_.Request(1), "6 ");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB2 NYC6");
}

TEST_F(SendStoreTest, RenewingProlongsAndTellsOfCancelNewRevisionsAndPassedDeadlines) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  const SendOrder order = ClaimOne();
  EndLeases();
  auto renewed = store_.Renew({order}, absl::Seconds(15)).value();
  ASSERT_THAT(renewed, SizeIs(1));
  EXPECT_FALSE(renewed[0].superseded || renewed[0].overdue);
  EXPECT_EQ(queue_.Query("SELECT lease_end_time > now() FROM waybill.send_request"), "t");
  queue_.Execute("UPDATE waybill.job SET deadline = now()");
  EXPECT_TRUE(store_.Renew({order}, absl::Seconds(15)).value().at(0).overdue);
  queue_.Execute("UPDATE waybill.job SET revision = 2");
  EXPECT_TRUE(store_.Renew({order}, absl::Seconds(15)).value().at(0).superseded);
  queue_.Execute("UPDATE waybill.job SET revision = 1; UPDATE waybill.send_request SET state = 7");
  EXPECT_TRUE(store_.Renew({order}, absl::Seconds(15)).value().at(0).superseded);
}

TEST_F(SendStoreTest, ProgressAddsUpOverAttemptsAndShowsAtTheNeighboursSite) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  SendOrder order = ClaimOne();
  EXPECT_THAT(store_.ShowProgress(order, 100, 40), IsOk());
  EndLeases();
  order = ClaimOne();
  EXPECT_THAT(store_.ShowProgress(order, 60, 60), IsOk());
  EXPECT_EQ(queue_.Query("SELECT bytes_total || ' ' || bytes_sent FROM waybill.send_request"),
            "60 100");
  EXPECT_EQ(queue_.Query("SELECT bytes_total || ' ' || bytes_sent FROM waybill.job_site WHERE "
                         "site_code = 'NYC'"),
            "60 100");
}

TEST_F(SendStoreTest, ARetryWaitsButNotBeyondTheDeadline) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  ASSERT_THAT(store_.Retry(ClaimOne(), "UNREACHABLE: x", absl::Minutes(1), 4), IsOk());
  EXPECT_EQ(queue_.Request(1), "5 UNREACHABLE: x");
  EXPECT_EQ(queue_.Query("SELECT attempt_count FROM waybill.send_request"), "4");
  EXPECT_EQ(queue_.Query("SELECT send_state || send_reason || (send_next_time > now()) FROM "
                         "waybill.job_site WHERE site_code = 'NYC'"),
            "5UNREACHABLE: xtrue");
  EXPECT_THAT(Claim(), IsEmpty());
  const absl::Duration due = store_.FindNextDue().value().value();
  EXPECT_GT(due, absl::Seconds(50));
  EXPECT_LE(due, absl::Seconds(60));
  queue_.Execute(
      "UPDATE waybill.send_request SET next_time = now();"
      "UPDATE waybill.job SET deadline = now() + interval '10 s'");
  const SendOrder order = ClaimOne();
  EXPECT_EQ(order.failures, 4);
  ASSERT_THAT(store_.Retry(order, "UNREACHABLE: x", absl::Minutes(1), 5), IsOk());
  EXPECT_LE(store_.FindNextDue().value().value(), absl::Seconds(10));
}

TEST_F(SendStoreTest, NothingIsDueNextInAnEmptyQueue) {
  EXPECT_EQ(store_.FindNextDue().value(), std::nullopt);
}

TEST_F(SendStoreTest, AReleasedRequestIsDueAtOnce) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  ASSERT_THAT(store_.Release(ClaimOne()), IsOk());
  EXPECT_EQ(ClaimOne().fence, 2);
}

TEST_F(SendStoreTest, AFinalFailureEndsTheNeighbourAndEverySiteBehindIt) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  ASSERT_THAT(store_.FinishFailed(ClaimOne(), "REFUSED: x"), IsOk());
  EXPECT_EQ(queue_.Request(1), "7 REFUSED: x");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendStoreTest, AWorkerEndsTheSitesOfARequestThatACancelHasFailedAlready) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  const SendOrder order = ClaimOne();
  queue_.Execute("UPDATE waybill.send_request SET state = 7, reason = 'CANCELLED: by root'");
  ASSERT_THAT(store_.FinishFailed(order, "CANCELLED: x"), IsOk());
  EXPECT_EQ(queue_.Request(1), "7 CANCELLED: by root");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendStoreTest, WhatWaitsBeyondItsDeadlineEndsAlsoWithoutAnAddress) {
  queue_.AddJob("CEN00001");
  queue_.AddJob("CEN00002");
  queue_.AddRequest("CEN00001", "NYC");
  queue_.AddRequest("CEN00001", "BOS");
  queue_.AddRequest("CEN00002", "NYC");
  queue_.Execute("UPDATE waybill.job SET deadline = now() WHERE job_id = 'CEN00001'");
  EXPECT_EQ(store_.EndHopeless().value(), 2);
  EXPECT_THAT(queue_.Request(1), StartsWith("7 DEADLINE_PASSED"));
  EXPECT_THAT(queue_.Request(2), StartsWith("7 DEADLINE_PASSED"));
  EXPECT_EQ(queue_.Request(3), "2 ");
  EXPECT_EQ(queue_.Query("SELECT string_agg(site_code || send_state, ' ' ORDER BY site_code) FROM "
                         "waybill.job_site WHERE job_id = 'CEN00001'"),
            "CEN2 LAB7 NYC7");
  EXPECT_EQ(store_.EndHopeless().value(), 0);
}

TEST_F(SendStoreTest, ARequestWhoseJobHasANewerRevisionEndsAsCancelled) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  queue_.Execute("UPDATE waybill.job SET revision = 2, cancel_epoch = 1");
  EXPECT_EQ(store_.EndHopeless().value(), 1);
  EXPECT_THAT(queue_.Request(1), StartsWith("7 CANCELLED"));
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendStoreTest, ANeighbourWithoutAddressWaitsAndSaysSoAndGoesOnceItHasOne) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "BOS");
  queue_.Execute("INSERT INTO waybill.job_site (job_id, site_code) VALUES ('CEN00001', 'BOS')");
  EXPECT_THAT(Claim(), IsEmpty());
  EXPECT_THAT(store_.MarkWithoutAddress(), IsOk());
  EXPECT_THAT(queue_.Request(1), StartsWith("2 NO_ADDRESS"));
  EXPECT_THAT(queue_.Query("SELECT send_reason FROM waybill.job_site WHERE site_code = 'BOS'"),
              StartsWith("NO_ADDRESS"));
  queue_.Execute("INSERT INTO waybill.address VALUES ('BOS', '127.0.0.1:3')");
  EXPECT_EQ(ClaimOne().site_code, "BOS");
  EXPECT_EQ(queue_.Request(1), "3 ");
}

TEST_F(SendStoreTest, TheInstructionHoldsWhatTheNeighboursSubtreeNeedsAndNothingElse) {
  queue_.Execute(
      "INSERT INTO waybill.machine_group VALUES ('Fast', 2);"
      "INSERT INTO waybill.machine_group_member VALUES ('Fast', 'NYC|DS1'), ('Fast', 'LAB|DS2'), "
      "('Fast', 'BOS|DS3')");
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  const SendOrder order = ClaimOne();
  const auto instruction = store_.GetInstruction(order).value();
  EXPECT_EQ(instruction.job_id(), "CEN00001");
  EXPECT_EQ(instruction.package_name(), "office");
  EXPECT_THAT(instruction.site_codes(), ElementsAre("LAB", "NYC"));
  ASSERT_EQ(instruction.servers_size(), 2);
  EXPECT_EQ(instruction.servers(0).server_name(), "DS2");
  EXPECT_EQ(instruction.servers(1).server_name(), "DS1");
  EXPECT_EQ(instruction.spec().comment(), "a comment");
  EXPECT_TRUE(instruction.spec().distribute_phase().put_on_specified());
  EXPECT_THAT(instruction.command().arguments(), ElementsAre("setup", "--quiet"));
  EXPECT_THAT(instruction.command().success_exit_codes(), ElementsAre(0, 3010));
  EXPECT_EQ(instruction.command().time_limit().seconds(), 90);
  EXPECT_TRUE(instruction.spec().run_phase().has_mandatory_after());
  EXPECT_TRUE(instruction.spec().run_phase().never_expires());
  EXPECT_THAT(store_.ListTargets("CEN00001", "LAB", "", 1).value(), ElementsAre("LAB00001"));
  EXPECT_THAT(store_.ListTargets("CEN00001", "LAB", "LAB00001", 9).value(),
              ElementsAre("LAB00002"));
  EXPECT_EQ(store_.GetSizes(order).value().stored_bytes, 700);
}

TEST_F(SendStoreTest, AJobFromAboveTakesItsServersFromItsRowNotFromAGroupOfTheSameName) {
  queue_.Execute(
      "INSERT INTO waybill.machine_group VALUES ('Fast', 2);"
      "INSERT INTO waybill.machine_group_member VALUES ('Fast', 'NYC|OURS')");
  queue_.AddJob("CEN00001");
  queue_.Execute(
      "UPDATE waybill.job SET origin_site_code = 'TOP', server_members = '{NYC|THEIRS}'");
  queue_.AddRequest("CEN00001", "NYC");
  const auto instruction = store_.GetInstruction(ClaimOne()).value();
  ASSERT_EQ(instruction.servers_size(), 1);
  EXPECT_EQ(instruction.servers(0).server_name(), "THEIRS");
}

TEST_F(SendStoreTest, AnInstructionOfAnotherRevisionAndALackingVersionAreErrors) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC");
  const SendOrder order = ClaimOne();
  queue_.Execute("UPDATE waybill.job SET revision = 2; DELETE FROM waybill.package_version");
  EXPECT_THAT(store_.GetInstruction(order), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store_.GetSizes(order), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SendStoreTest, ListsWhatIsUnderWayFirstThenByPriorityAndAgeThenEndedOnesNewestFirst) {
  for (const char* job_id : {"CEN00001", "CEN00002", "CEN00003", "CEN00004", "CEN00005"}) {
    queue_.AddJob(job_id);
    queue_.AddRequest(job_id, "NYC", 2);
  }
  queue_.Execute(
      "UPDATE waybill.send_request SET state = 3 WHERE send_request_id = 4;"
      "UPDATE waybill.send_request SET priority = 3 WHERE send_request_id = 5;"
      "UPDATE waybill.send_request SET state = 6, finish_time = now() WHERE send_request_id < 3");
  const auto ids = [](const std::vector<SendRequestRow>& rows) {
    std::vector<std::int64_t> found;
    for (const SendRequestRow& row : rows) found.push_back(row.send_request_id);
    return found;
  };
  const auto all = store_.List({.site_code = "", .include_ended = true}).value();
  EXPECT_THAT(ids(all), ElementsAre(4, 5, 3, 2, 1));
  EXPECT_TRUE(all[4].finish_time.has_value());
  EXPECT_THAT(ids(store_.List({.site_code = "NYC"}).value()), ElementsAre(4, 5, 3));
  EXPECT_THAT(store_.List({.site_code = "BOS", .include_ended = true}).value(), IsEmpty());
  EXPECT_THAT(
      ids(store_
              .List({.site_code = "", .include_ended = true, .after = all[1].place, .count_max = 2})
              .value()),
      ElementsAre(3, 2));
}

}  // namespace
}  // namespace waybill::sender
