#include "services/despooler/receive_store.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"
#include "services/despooler/instruction_rules.h"
#include "services/despooler/received_transfer.h"
#include "services/despooler/removal_store.h"
#include "services/despooler/test_instruction.h"

#include "despooler_sql.h"

namespace waybill::despooler {
namespace {

using ::testing::StartsWith;
using Commitment = ReceiveStore::Commitment;

const ReceiveStore::Pin kPin = {.pin_id = "transfer/CEN/1",
                                .package_id = "CEN00001",
                                .version = content::Digest::FromHex(TestVersion()).value(),
                                .job_id = "CEN00001"};

/// Site NYC, child of CEN, with servers DS1 and DS2 and three workstations.
class ReceiveStoreTest : public testing::Test {
 protected:
  ReceiveStoreTest() {
    db_.Execute(
        "INSERT INTO waybill.self (site_code, parent_site_code) VALUES ('NYC', 'CEN');"
        "INSERT INTO waybill.site (site_code) VALUES ('NYC');"
        "INSERT INTO waybill.distribution_server VALUES ('NYC', 'DS1'), ('NYC', 'DS2'), ('LAB', "
        "'DS9');"
        "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain, operating_system) "
        "VALUES ('NYC00001', 'NYC', 'PC1', 'SALES', 'windows'), ('NYC00002', 'NYC', 'PC2', "
        "'SALES', 'linux')");
  }

  static ReceivedTransfer Received(const transfer::v1::Instruction& instruction,
                                   bool with_version = true) {
    ReceivedTransfer received = {
        .key = {.sender_site_code = "CEN", .send_request_id = 1, .fence = 1},
        .instruction = instruction,
        .targets = TargetList(instruction),
        .version = std::nullopt};
    for (const char* sms_id : {"NYC00001", "NYC00002"}) {
      received.targets.Add(sms_id, "NYC").IgnoreError();
    }
    received.targets.Add("LAB00001", "LAB").IgnoreError();
    if (with_version) {
      received.version =
          ReceivedVersion{.version = content::Digest::FromHex(instruction.spec().version()).value(),
                          .content_digest = content::Digest::FromHex(TestVersion('c')).value(),
                          .entry_count = 4,
                          .file_count = 3,
                          .plain_bytes = 1000,
                          .stored_bytes = 700,
                          .manifest_bytes = 90,
                          .skipped_paths = {"\"a\""}};
    }
    return received;
  }

  absl::StatusOr<Commitment> Commit(const ReceivedTransfer& received) {
    return store_.Commit(received, [] { return absl::OkStatus(); });
  }
  void MustCommit(const ReceivedTransfer& received) {
    const auto commitment = Commit(received);
    ASSERT_THAT(commitment, IsOk());
    ASSERT_EQ(*commitment, Commitment::kCommitted);
  }
  static transfer::v1::Instruction Cancel(std::int64_t revision = 2) {
    transfer::v1::Instruction cancel = TestInstruction();
    cancel.set_revision(revision);
    cancel.set_cancel_epoch(1);
    cancel.clear_site_codes();
    return cancel;
  }
  static ReceivedTransfer Removal(const std::string& job_id) {
    transfer::v1::Instruction remove = TestInstruction();
    remove.set_job_id(job_id);
    remove.mutable_spec()->set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
    remove.mutable_spec()->clear_run_phase();
    remove.mutable_spec()->clear_version();
    remove.clear_command();
    ReceivedTransfer received = Received(remove, /*with_version=*/false);
    received.key.send_request_id = 2;
    received.targets = TargetList(remove);
    return received;
  }
  std::string Query(const std::string& sql) const { return db_.QueryText(sql); }
  std::string Targets() const {
    return Query(
        "SELECT string_agg(sms_id || ' ' || state, ', ' ORDER BY sms_id) FROM waybill.job_target");
  }
  std::string Servers() const {
    return Query(
        "SELECT coalesce(string_agg(server_name || ' ' || state, ', ' ORDER BY job_id, "
        "server_name), '-') FROM waybill.job_server");
  }
  std::string OwnSite() const {
    return Query(
        "SELECT send_state || ' ' || commit_seen || ' ' || revision_committed || ' ' || "
        "split_part(send_reason, ':', 1) FROM waybill.job_site WHERE site_code = 'NYC'");
  }

  const jobdb::TestDatabase db_;
  const std::unique_ptr<jobdb::Database> database_ =
      jobdb::Database::Open({.uri = db_.uri()}, sql::kAll).value();
  ReceiveStore store_{*database_};
};

TEST_F(ReceiveStoreTest, KnowsItsSiteAndParent) {
  const ReceiveStore::Self self = store_.GetSelf().value();
  EXPECT_EQ(self.site_code, "NYC");
  EXPECT_EQ(self.parent_site_code, "CEN");
  db_.Execute("DELETE FROM waybill.self");
  EXPECT_THAT(store_.GetSelf(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ReceiveStoreTest, ALowerFenceThanSeenIsRefusedAtOpenAndAtCommit) {
  const auto admit = [&](std::int64_t fence) {
    return store_.Admit({.sender_site_code = "CEN", .send_request_id = 1, .fence = fence},
                        "CEN00001", 1);
  };
  EXPECT_THAT(admit(3), IsOk());
  EXPECT_THAT(admit(3), IsOk());
  EXPECT_THAT(admit(2), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Commit(Received(TestInstruction())), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.job"), "0");
  // Requests of other sites and other numbers have fences of their own.
  EXPECT_THAT(
      store_.Admit({.sender_site_code = "NYC", .send_request_id = 1, .fence = 1}, "CEN00001", 1),
      IsOk());
}

TEST_F(ReceiveStoreTest, PinsAreProlongedAndCanBeTakenAway) {
  EXPECT_THAT(store_.PutPin(kPin, absl::Seconds(1)), IsOk());
  EXPECT_THAT(store_.PutPin(kPin, absl::Seconds(2)), IsOk());
  EXPECT_THAT(store_.RenewPin(kPin.pin_id, absl::Hours(1)), IsOk());
  EXPECT_EQ(Query("SELECT count(*) || ' ' || (min(end_time) > now() + '50 min') FROM waybill.pin"),
            "1 true");
  EXPECT_THAT(store_.DeletePin(kPin.pin_id), IsOk());
  EXPECT_THAT(store_.DeletePin(kPin.pin_id), IsOk());
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.pin"), "0");
}

TEST_F(ReceiveStoreTest, APinThatHasEndedIsNotProlonged) {
  ASSERT_THAT(store_.PutPin(kPin, absl::Hours(1)), IsOk());
  db_.Execute("UPDATE waybill.pin SET end_time = now()");
  EXPECT_THAT(store_.RenewPin(kPin.pin_id, absl::Hours(1)), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(ReceiveStoreTest, ACancelTakesThePinsOfItsJobAway) {
  ASSERT_THAT(store_.PutPin(kPin, absl::Hours(1)), IsOk());
  ReceiveStore::Pin other = kPin;
  other.pin_id = "transfer/CEN/2";
  other.job_id = "CEN00009";
  ASSERT_THAT(store_.PutPin(other, absl::Hours(1)), IsOk());
  MustCommit(Received(Cancel(), /*with_version=*/false));
  EXPECT_EQ(Query("SELECT pin_id FROM waybill.pin"), "transfer/CEN/2");
  EXPECT_THAT(store_.RenewPin(kPin.pin_id, absl::Hours(1)), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store_.PutPin(kPin, absl::Hours(1)), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(ReceiveStoreTest, APinIsNotPutWhilePacksAreUnlinked) {
  const auto impatient =
      jobdb::Database::Open({.uri = db_.uri(), .lock_timeout = absl::Milliseconds(100)}, sql::kAll)
          .value();
  const auto put = [&] { return ReceiveStore(*impatient).PutPin(kPin, absl::Hours(1)); };
  RemovalStore collector(*database_, "NYC");
  ASSERT_THAT(collector.WithCollectionLock([&](const RemovalStore::Needed& needed) {
    EXPECT_THAT(needed.pinned, testing::IsEmpty());
    EXPECT_THAT(put(), StatusIs(absl::StatusCode::kUnavailable));
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(put(), IsOk());
}

TEST_F(ReceiveStoreTest, OneCommitMakesVersionJobSitesTargetsServersAndInstruction) {
  MustCommit(Received(TestInstruction()));
  EXPECT_EQ(Query("SELECT package_id || name FROM waybill.package"), "CEN00001office");
  EXPECT_EQ(Query("SELECT plain_bytes || ' ' || stored_bytes || ' ' || skipped_paths[1] FROM "
                  "waybill.package_version"),
            "1000 700 \"a\"");
  EXPECT_EQ(Query("SELECT job_id || ' ' || origin_site_code || ' ' || state || ' ' || command_name "
                  "|| ' ' || arguments[1] || ' ' || time_limit || ' ' || (expires_after IS NULL) "
                  "FROM waybill.job"),
            "CEN00001 CEN 2 install setup 00:01:00 true");
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 1, NYC00002 9");  // 9: not for linux.
  EXPECT_EQ(Servers(), "DS1 1, DS2 1");  // Neither flag, but run: the Default Servers.
  EXPECT_EQ(OwnSite(), "1 true 1 ");
  EXPECT_EQ(Query("SELECT string_agg(site_code || commit_seen, ' ' ORDER BY site_code) FROM "
                  "waybill.job_site"),
            "LABfalse NYCtrue");
  EXPECT_EQ(Query("SELECT revision || ' ' || (forward_time IS NULL) FROM waybill.instruction"),
            "1 true");
}

TEST_F(ReceiveStoreTest, ARepeatedCommitChangesNothing) {
  MustCommit(Received(TestInstruction()));
  db_.Execute(
      "UPDATE waybill.job_target SET state = 5 WHERE sms_id = 'NYC00001';"
      "UPDATE waybill.job_server SET state = 3; INSERT INTO waybill.distribution_server VALUES "
      "('NYC', 'DS3'); DELETE FROM waybill.outbox");
  MustCommit(Received(TestInstruction()));
  EXPECT_EQ(Servers(), "DS1 3, DS2 3");
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 5, NYC00002 9");
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.outbox"), "0");
}

TEST_F(ReceiveStoreTest, FencesGoWithTheCommitOrWithTime) {
  const auto admit = [&](std::int64_t send_request_id) {
    return store_.Admit({.sender_site_code = "CEN", .send_request_id = send_request_id, .fence = 1},
                        "CEN00001", 1);
  };
  for (const std::int64_t send_request_id : {1, 2, 3}) {
    ASSERT_THAT(admit(send_request_id), IsOk());
  }
  db_.Execute(
      "UPDATE waybill.transfer_fence SET change_time = now() - interval '200 days' "
      "WHERE send_request_id = 2");
  MustCommit(Received(TestInstruction()));
  EXPECT_EQ(Query("SELECT send_request_id FROM waybill.transfer_fence"), "3");
}

TEST_F(ReceiveStoreTest, ChunksThatDoNotStandUndoTheCommit) {
  EXPECT_THAT(
      store_.Commit(Received(TestInstruction()), [] { return absl::DataLossError("gone"); }),
      StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.package"), "0");
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.transfer_fence"), "0");
}

TEST_F(ReceiveStoreTest, TheCheckOfChunksHoldsTheLockThatTheCollectorNeeds) {
  std::string locks;
  ASSERT_THAT(store_.Commit(Received(TestInstruction()),
                            [&] {
                              locks = Query(
                                  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                                  "mode = 'ShareLock' AND granted");
                              return absl::OkStatus();
                            }),
              IsOk());
  EXPECT_EQ(locks, "1");
}

TEST_F(ReceiveStoreTest, ASiteThatOnlyPassesTheJobOnGetsNoServersOfItsOwn) {
  transfer::v1::Instruction instruction = TestInstruction();
  instruction.clear_site_codes();
  instruction.add_site_codes("LAB");
  MustCommit(Received(instruction));
  EXPECT_EQ(Servers(), "-");
  EXPECT_EQ(Targets(), "LAB00001 1");
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.instruction"), "1");
}

TEST_F(ReceiveStoreTest, AtTheOriginatingSiteOnlyItsOwnShareIsAdded) {
  transfer::v1::Instruction instruction = TestInstruction();
  instruction.set_job_id("NYC00007");
  instruction.set_origin_site_code("NYC");
  instruction.mutable_spec()->set_package_id("NYC00001");
  db_.Execute(
      "INSERT INTO waybill.package (package_id, request_id, name) VALUES ('NYC00001', 'r', 'kept');"
      "INSERT INTO waybill.job (job_id, origin_site_code, request_id, type, comment, package_id, "
      "version, priority, target_kind, start_after, deadline, send_phase, command_name, arguments, "
      "platforms, offer_after, state) VALUES ('NYC00007', 'NYC', 'q', 1, 'kept', 'NYC00001', "
      "decode(repeat('aa', 32), 'hex'), 2, 1, now(), now() + '1 day', 1, 'install', '{setup}', "
      "'{windows}', now(), 2);"
      "INSERT INTO waybill.job_site (job_id, site_code, send_state) VALUES ('NYC00007', 'NYC', 3);"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES ('NYC00007', 'NYC00001', "
      "'NYC')");
  ReceivedTransfer received = Received(instruction);
  received.key.sender_site_code = "NYC";
  MustCommit(received);
  EXPECT_EQ(Query("SELECT comment || ' ' || request_id || ' ' || state FROM waybill.job"),
            "kept q 2");
  EXPECT_EQ(Query("SELECT name FROM waybill.package"), "kept");
  EXPECT_EQ(OwnSite(), "3 true 1 ");
  EXPECT_EQ(Servers(), "DS1 1, DS2 1");
  EXPECT_EQ(Query("SELECT forward_time IS NOT NULL FROM waybill.instruction"), "t");
}

// Which servers are frozen. -----------------------------------------------------------------------

class FreezeTest : public ReceiveStoreTest {
 protected:
  std::string ServersFor(bool refresh, bool put, bool run, std::vector<std::string> named = {}) {
    transfer::v1::Instruction instruction = TestInstruction();
    instruction.mutable_spec()->mutable_distribute_phase()->set_refresh_existing(refresh);
    instruction.mutable_spec()->mutable_distribute_phase()->set_put_on_specified(put);
    if (!run) {
      instruction.mutable_spec()->set_type(job::v1::JOB_TYPE_SHARE_PACKAGE);
      instruction.mutable_spec()->clear_run_phase();
    }
    for (const std::string& name : named) {
      instruction.add_servers()->set_site_code("NYC");
      instruction.mutable_servers(instruction.servers_size() - 1)->set_server_name(name);
    }
    MustCommit(Received(instruction));
    return Servers();
  }
  void PutLocation(const std::string& server_name) const {
    db_.Execute(absl::StrCat(
        "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, "
        "directory, plain_bytes) VALUES ('NYC', '",
        server_name, "', 'CEN00001', decode(repeat('ee', 32), 'hex'), 'c', '/x', 1)"));
  }
};

TEST_F(FreezeTest, StageOnlyFreezesNone) {
  EXPECT_EQ(ServersFor(false, false, false), "-");
  EXPECT_EQ(OwnSite(), "1 true 1 ");
}

TEST_F(FreezeTest, TheDefaultServersAreTheirGroupIfThereIsOne) {
  db_.Execute(
      "INSERT INTO waybill.machine_group VALUES ('Default Servers', 2);"
      "INSERT INTO waybill.machine_group_member VALUES ('Default Servers', 'NYC|DS2')");
  EXPECT_EQ(ServersFor(false, false, true), "DS2 1");
}

TEST_F(FreezeTest, RefreshExistingTakesTheServersOfTheLedger) {
  PutLocation("DS2");
  EXPECT_EQ(ServersFor(true, false, true), "DS2 1");
}

TEST_F(FreezeTest, RefreshExistingWithoutAnyCopyIsNothingToDoForAShareJob) {
  EXPECT_EQ(ServersFor(true, false, false), "-");
  EXPECT_EQ(OwnSite(), "1 true 1 ");
}

TEST_F(FreezeTest, RefreshExistingWithoutAnyCopyFailsARunJob) {
  EXPECT_EQ(ServersFor(true, false, true), "-");
  EXPECT_EQ(OwnSite(), "7 true 1 NO_DISTRIBUTION_SERVER");
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 6, NYC00002 9");
}

TEST_F(FreezeTest, PutOnSpecifiedTakesTheNamedServersThatAreHere) {
  EXPECT_EQ(ServersFor(false, true, false, {"DS2", "DS9"}), "DS2 1");
}

TEST_F(FreezeTest, PutOnSpecifiedWithoutAMemberHereFallsToTheDefaultServers) {
  EXPECT_EQ(ServersFor(false, true, false), "DS1 1, DS2 1");
}

TEST_F(FreezeTest, BothFlagsAddUp) {
  PutLocation("DS1");
  EXPECT_EQ(ServersFor(true, true, true, {"DS2"}), "DS1 1, DS2 1");
}

TEST_F(FreezeTest, ASiteWithoutServersSaysSo) {
  db_.Execute("DELETE FROM waybill.distribution_server");
  EXPECT_EQ(ServersFor(false, true, false), "-");
  EXPECT_EQ(OwnSite(), "7 true 1 NO_DISTRIBUTION_SERVER");
}

TEST_F(ReceiveStoreTest, WithTheSendPhaseOffASiteThatHoldsTheVersionTakesPart) {
  transfer::v1::Instruction instruction = TestInstruction();
  instruction.mutable_spec()->set_send_phase(job::v1::SEND_PHASE_OFF);
  MustCommit(Received(instruction, /*with_version=*/false));
  EXPECT_EQ(OwnSite(), "7 true 1 VERSION_NOT_AT_SITE");
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 6, NYC00002 9");
  EXPECT_EQ(Servers(), "-");

  db_.Execute(
      "INSERT INTO waybill.package_version VALUES ('CEN00001', decode(repeat('aa', 32), 'hex'), "
      "decode(repeat('cc', 32), 'hex'), 1, 1, 1, 1, 1); DELETE FROM waybill.job_target; DELETE "
      "FROM waybill.job_site; DELETE FROM waybill.instruction; DELETE FROM waybill.job");
  MustCommit(Received(instruction, /*with_version=*/false));
  EXPECT_EQ(OwnSite(), "1 true 1 ");
  EXPECT_EQ(Servers(), "DS1 1, DS2 1");
}

// Cancel and remove. ------------------------------------------------------------------------------

TEST_F(ReceiveStoreTest, ACancelWithdrawsWhatDoesNotRunAndEndsOpenServers) {
  MustCommit(Received(TestInstruction()));
  db_.Execute(
      "UPDATE waybill.job_target SET state = 2 WHERE sms_id = 'NYC00001';"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code, state) VALUES ('CEN00001', "
      "'NYC00003', 'NYC', 4);"
      "INSERT INTO waybill.pcm_definition (sms_id, domain, offer_version, written_version) VALUES "
      "('NYC00001', 'SALES', 5, 5), ('NYC00003', 'SALES', 5, 5);"
      "UPDATE waybill.job_server SET state = 3 WHERE server_name = 'DS1';"
      "UPDATE waybill.job_server SET state = 2, fence = 3, lease_end_time = now() + '15 s' "
      "WHERE server_name = 'DS2'");
  MustCommit(Received(Cancel(), /*with_version=*/false));
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 11, NYC00002 9, NYC00003 4");
  EXPECT_EQ(Servers(), "DS1 3, DS2 5");
  EXPECT_EQ(Query("SELECT fence || ' ' || (lease_end_time > now()) FROM waybill.job_server "
                  "WHERE server_name = 'DS2'"),
            "4 true")
      << "whoever works on it cannot report, and keeps others off until he lets go";
  EXPECT_EQ(Query("SELECT string_agg(offer_version::text, ' ' ORDER BY sms_id) FROM "
                  "waybill.pcm_definition"),
            "6 5");
  EXPECT_EQ(Query("SELECT state || ' ' || revision || ' ' || cancel_epoch FROM waybill.job"),
            "6 2 1");
  EXPECT_EQ(OwnSite(), "1 true 2 ");
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.instruction WHERE forward_time IS NULL"), "2");
}

TEST_F(ReceiveStoreTest, ACancelThatOvertakesItsJobLeavesATombstoneThatRefusesTheJob) {
  MustCommit(Received(Cancel(), /*with_version=*/false));
  EXPECT_EQ(
      Query("SELECT state || ' ' || revision || ' ' || (finish_time IS NOT NULL) FROM waybill.job"),
      "7 2 true");
  EXPECT_EQ(
      *store_.Admit({.sender_site_code = "CEN", .send_request_id = 2, .fence = 1}, "CEN00001", 1),
      ReceiveStore::Admission::kSuperseded);
  EXPECT_EQ(*Commit(Received(TestInstruction())), Commitment::kSuperseded);
  EXPECT_EQ(Servers(), "-");
  EXPECT_EQ(Query("SELECT count(*) FROM waybill.job_target"), "0");
}

TEST_F(ReceiveStoreTest, ACancelDoesNotReopenAJobThatHasEnded) {
  MustCommit(Received(TestInstruction()));
  db_.Execute("UPDATE waybill.job SET state = 4");
  MustCommit(Received(Cancel(), /*with_version=*/false));
  EXPECT_EQ(Query("SELECT state FROM waybill.job"), "4");
}

TEST_F(ReceiveStoreTest, ASecondRemoveJobLeavesTheFirstOneAtWork) {
  db_.Execute(
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, "
      "directory, plain_bytes) VALUES ('NYC', 'DS1', 'CEN00001', decode(repeat('aa', 32), 'hex'), "
      "'c', '/x', 1)");
  MustCommit(Removal("CEN00002"));
  db_.Execute("UPDATE waybill.job_server SET state = 4, reason = 'SERVER_FAILED: away'");
  MustCommit(Removal("CEN00003"));
  EXPECT_EQ(Query("SELECT string_agg(job_id || ' ' || state, ', ' ORDER BY job_id) FROM "
                  "waybill.job_server"),
            "CEN00002 4, CEN00003 6");
}

TEST_F(ReceiveStoreTest, ARemoveJobLooksWhereACancelledJobMayHaveLeftACopy) {
  MustCommit(Received(TestInstruction()));
  // DS1: its Despooler died between the rename and the ledger, and the cancel came before it was
  // back. DS2 was never worked on.
  db_.Execute("UPDATE waybill.job_server SET state = 2, fence = 1 WHERE server_name = 'DS1'");
  MustCommit(Received(Cancel(), /*with_version=*/false));
  MustCommit(Removal("CEN00002"));
  EXPECT_EQ(Query("SELECT string_agg(server_name || ' ' || state, ', ') FROM waybill.job_server "
                  "WHERE job_id = 'CEN00002'"),
            "DS1 6");
}

TEST_F(ReceiveStoreTest, ARemoveJobQueuesItsRemovalsAndEndsWhatUsesThePackage) {
  MustCommit(Received(TestInstruction()));
  db_.Execute(
      "UPDATE waybill.job_target SET state = 3 WHERE sms_id = 'NYC00001';"
      "INSERT INTO waybill.pcm_definition (sms_id, domain, offer_version) VALUES ('NYC00001', "
      "'SALES', 5);"
      "UPDATE waybill.job_server SET state = 3 WHERE server_name = 'DS1';"
      "UPDATE waybill.job_server SET state = 2, lease_end_time = now() + '15 s' WHERE server_name "
      "= 'DS2';"
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, "
      "directory, plain_bytes) VALUES ('NYC', 'DS1', 'CEN00001', decode(repeat('aa', 32), 'hex'), "
      "'c', '/x', 1), ('NYC', 'DS1', 'CEN00001', decode(repeat('bb', 32), 'hex'), 'c', '/y', 1), "
      "('LAB', 'DS9', 'CEN00001', decode(repeat('aa', 32), 'hex'), 'c', '/x', 1)");
  MustCommit(Removal("CEN00002"));
  EXPECT_EQ(Query("SELECT string_agg(job_id || server_name || ' ' || state || ' ' || fence, ', ' "
                  "ORDER BY job_id, server_name) FROM waybill.job_server"),
            "CEN00001DS1 3 0, CEN00001DS2 5 1, CEN00002DS1 6 0, CEN00002DS2 6 0")
      << "at DS2 a copy was under work: a tree may stand there";
  EXPECT_EQ(Query("SELECT lease_end_time > now() FROM waybill.job_server WHERE job_id = 'CEN00001' "
                  "AND server_name = 'DS2'"),
            "t");
  EXPECT_THAT(Query("SELECT reason FROM waybill.job_server WHERE job_id = 'CEN00001' AND "
                    "server_name = 'DS2'"),
              StartsWith("PACKAGE_REMOVED"));
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 11, NYC00002 9");
  EXPECT_EQ(Query("SELECT offer_version FROM waybill.pcm_definition"), "6");
}

TEST_F(ReceiveStoreTest, ARemoveJobOfOneVersionLeavesTheOthers) {
  MustCommit(Received(TestInstruction()));
  transfer::v1::Instruction remove = TestInstruction();
  remove.set_job_id("CEN00002");
  remove.mutable_spec()->set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
  remove.mutable_spec()->clear_run_phase();
  remove.mutable_spec()->set_version(TestVersion('b'));
  remove.clear_command();
  ReceivedTransfer received = Received(remove, /*with_version=*/false);
  received.targets = TargetList(remove);
  MustCommit(received);
  EXPECT_EQ(Servers(), "DS1 1, DS2 1");
  EXPECT_EQ(Targets(), "LAB00001 1, NYC00001 1, NYC00002 9");
}

}  // namespace
}  // namespace waybill::despooler
