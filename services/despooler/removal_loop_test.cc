#include "services/despooler/removal_loop.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "services/despooler/distribute_loop.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/placement.h"
#include "services/despooler/removal_store.h"
#include "services/despooler/test_site.h"

namespace waybill::despooler {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kPackage[] = "CEN00001";
constexpr char kRemoveJob[] = "CEN00050";
constexpr int kRemove = 3;

// Version `version_` of a package from above stands on DS1 and DS2, and is to be removed.
class RemovalLoopTest : public ::testing::Test {
 protected:
  RemovalLoopTest() {
    version_ = Distribute(kPackage, "CEN00042", std::string(200'000, 'a'));
    site_.AddJob(kRemoveJob, kPackage, nullptr, kRemove);
  }

  content::Digest Distribute(const std::string& package_id, const std::string& job_id,
                             const std::string& bytes) {
    const content::Digest version =
        site_.AddVersion(package_id, {{"setup", "#!"}, {"data", bytes}});
    for (const char* server : {"DS1", "DS2"}) {
      if (!*site_.root().Exists(absl::StrCat(server, "c"))) {
        site_.AddServer(server);
      }
    }
    Distribute(job_id, version, {"DS1", "DS2"}, package_id);
    return version;
  }

  void Distribute(const std::string& job_id, const content::Digest& version,
                  const std::vector<std::string>& server_names,
                  const std::string& package_id = kPackage) {
    site_.AddJob(job_id, package_id, &version);
    for (const std::string& server_name : server_names) {
      site_.AddJobServer(job_id, server_name);
    }
    DistributeLoop loop({.store = servers_, .content = site_.content(), .clock = site_.clock()},
                        site_.Drives(), [](absl::string_view /*channel*/) {}, {});
    EXPECT_THAT(loop.RunOnce(), IsOk());
    EXPECT_TRUE(loop.crew().WaitIdle(absl::Seconds(30)));
    EXPECT_EQ(site_.ServerState(job_id, "DS1"), "3 ");
  }

  std::unique_ptr<RemovalLoop> MakeLoop(const std::string& site_code = "NYC",
                                        absl::Duration collect_step = absl::Seconds(2)) {
    RemovalLoop::Options options;
    options.site_code = site_code;
    options.collect_step = collect_step;
    return std::make_unique<RemovalLoop>(
        RemovalLoop::Parts{.servers = servers_,
                           .store = store_,
                           .content = site_.content(),
                           .clock = site_.clock()},
        [this](absl::string_view channel) { site_.Notify(channel); }, options);
  }

  // One pass that removes, one that sees that no server is left.
  absl::Duration Remove(RemovalLoop& loop) {
    EXPECT_THAT(loop.RunOnce(), IsOk());
    EXPECT_TRUE(loop.crew().WaitIdle(absl::Seconds(30)));
    return loop.RunOnce().value();
  }

  void AddRemoveServers() {
    site_.AddJobServer(kRemoveJob, "DS1", 6);
    site_.AddJobServer(kRemoveJob, "DS2", 6);
  }

  std::string PackagePath(const std::string& server) const {
    return absl::StrCat(server, "c/SMS_PKGC/", kPackage);
  }
  bool Stands(const std::string& server) const {
    return *site_.root().Exists(absl::StrCat(PackagePath(server), "/", version_.Prefix16Hex()));
  }
  // The version again, as a later import or transfer brings it.
  void AddVersion() {
    site_.AddVersion(kPackage, {{"setup", "#!"}, {"data", std::string(200'000, 'c')}});
  }
  void PutPin(const std::string& job_id) {
    site_.server().Execute(absl::StrCat("INSERT INTO waybill.pin VALUES ('p1', '", kPackage,
                                        "', '\\x", version_.ToHex(),
                                        "', 'transfer', now() + interval '1 h', ", job_id, ")"));
  }
  SiteRemoval ToClear() { return store_.ListSitesToClear(1).value().at(0); }
  std::string SiteReason() {
    return site_.server().QueryText(
        absl::StrCat("SELECT send_reason FROM waybill.job_site WHERE job_id = '", kRemoveJob, "'"));
  }
  std::string PackageRemoved() {
    return site_.server().QueryText(absl::StrCat(
        "SELECT package_removed FROM waybill.job_site WHERE job_id = '", kRemoveJob, "'"));
  }

  TestSite site_;
  DistributeStore servers_{site_.database(), "NYC"};
  RemovalStore store_{site_.database(), "NYC"};
  content::Digest version_;
};

TEST_F(RemovalLoopTest, RemovesEveryCopyTheLedgerAndTheCompressedPackage) {
  AddRemoveServers();
  const auto loop = MakeLoop();
  Remove(*loop);
  for (const char* server : {"DS1", "DS2"}) {
    EXPECT_EQ(site_.ServerState(kRemoveJob, server), "7 ");
    EXPECT_FALSE(*site_.root().Exists(PackagePath(server)));
  }
  EXPECT_EQ(site_.Count("location"), "0");
  EXPECT_EQ(site_.Count("package_version"), "0");
  EXPECT_THAT(*site_.content().manifests().List(), IsEmpty());
  EXPECT_THAT(*site_.root().OpenDirectory("store/packs").value().List(), IsEmpty());
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_THAT(site_.notified(), Contains("waybill_outbox"));
}

TEST_F(RemovalLoopTest, KeepsTheCompressedPackageWhereItWasMade) {
  AddRemoveServers();
  const auto loop = MakeLoop("CEN");  // The package id says so.
  Remove(*loop);
  EXPECT_EQ(site_.Count("location"), "0");
  EXPECT_EQ(site_.Count("package_version"), "1");
  EXPECT_THAT(*site_.content().manifests().List(), SizeIs(1));
  EXPECT_EQ(PackageRemoved(), "t");
}

TEST_F(RemovalLoopTest, KeepsWhatOtherPackagesNeedOfThePacks) {
  // The same bytes: their chunks stand once, in the pack that both need.
  const content::Digest other = Distribute("CEN00002", "CEN00043", std::string(200'000, 'a'));
  AddRemoveServers();
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_EQ(site_.Count("package_version"), "1");
  EXPECT_THAT(*site_.content().manifests().List(), ElementsAre(other));
  const auto index = content::IndexManifest(site_.content().manifests().Get(other).value()).value();
  EXPECT_THAT(*site_.content().Missing(index.chunks, nullptr), testing::Each(false));
  EXPECT_EQ(site_.Count("location"), "2");
}

TEST_F(RemovalLoopTest, RemovesOnlyTheVersionTheJobNames) {
  const content::Digest second = Distribute(kPackage, "CEN00043", std::string(100'000, 'b'));
  site_.server().Execute(absl::StrCat("UPDATE waybill.job SET version = '\\x", version_.ToHex(),
                                      "' WHERE job_id = '", kRemoveJob, "'"));
  AddRemoveServers();
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_FALSE(Stands("DS1"));
  EXPECT_TRUE(*site_.root().Exists(
      absl::StrCat(PackagePath("DS1"), "/", second.Prefix16Hex(), ".manifest")));
  EXPECT_EQ(*site_.root().ReadLink(PackagePath("DS1") + "/current"), second.Prefix16Hex());
  EXPECT_EQ(site_.server().QueryText("SELECT encode(version, 'hex') FROM waybill.package_version"),
            second.ToHex());
}

TEST_F(RemovalLoopTest, DoesNotTakeAShareThatIsAwayForProof) {
  AddRemoveServers();
  ASSERT_THAT(site_.root().Rename("DS2c", site_.root(), "away"), IsOk());
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS1"), "7 ");
  EXPECT_THAT(site_.ServerState(kRemoveJob, "DS2"),
              StartsWith(absl::StrCat("4 SERVER_FAILED: server DS2, directory ",
                                      site_.Path(PackagePath("DS2")))));
  EXPECT_EQ(site_.Count("location"), "1");
  EXPECT_EQ(PackageRemoved(), "f");
  EXPECT_EQ(site_.Count("package_version"), "1");

  ASSERT_THAT(site_.root().Rename("away", site_.root(), "DS2c"), IsOk());
  site_.LetTimePass();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS2"), "7 ");
  EXPECT_FALSE(Stands("DS2"));
  EXPECT_EQ(PackageRemoved(), "t");
}

TEST_F(RemovalLoopTest, LeavesACopyThatALaterJobReliesOn) {
  AddRemoveServers();
  site_.AddWorkstation("NYC00001");
  site_.AddTarget("CEN00042", "NYC00001", 4);  // Its command runs.
  ASSERT_THAT(site_.root().Rename("DS1c", site_.root(), "away"), IsOk());
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_THAT(site_.ServerState(kRemoveJob, "DS1"), StartsWith("4 SERVER_FAILED"));
  EXPECT_EQ(site_.server().QueryText("SELECT offer_version FROM waybill.pcm_definition"), "1")
      << "DS2 has gone from the running offer";

  ASSERT_THAT(site_.root().Rename("away", site_.root(), "DS1c"), IsOk());
  Distribute("CEN00060", version_, {"DS1"});
  site_.LetTimePass();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS1"), "7 ");
  EXPECT_EQ(site_.ServerState("CEN00060", "DS1"), "3 ");
  EXPECT_TRUE(Stands("DS1"));
  EXPECT_EQ(site_.Count("location WHERE server_name = 'DS1'"), "1");
}

// As when the Despooler died between the rename and the ledger, and the row was ended meanwhile.
TEST_F(RemovalLoopTest, RemovesACopyThatTheLedgerDoesNotKnowWhereverItStands) {
  site_.AddServer("DS1", "d");
  site_.server().Execute(
      "DELETE FROM waybill.location WHERE server_name = 'DS1';"
      "UPDATE waybill.job_server SET state = 5 WHERE job_id = 'CEN00042' AND server_name = 'DS1'");
  const std::string left = absl::StrCat("DS1d/SMS_PKGD/", kPackage);
  ASSERT_THAT(site_.root().MakeDirectories(left + "/.0123456789abcdef.CEN00042.1.tmp"), IsOk());
  AddRemoveServers();
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS1"), "7 ");
  EXPECT_FALSE(*site_.root().Exists(PackagePath("DS1")));
  EXPECT_FALSE(*site_.root().Exists(left));
}

TEST_F(RemovalLoopTest, LooksAtEveryShareOfAServerThatMayHoldAnUnknownCopy) {
  site_.AddServer("DS1", "d");
  ASSERT_THAT(site_.root().RemoveTree("DS1d"), IsOk());  // Its mount is gone.
  site_.server().Execute(
      "UPDATE waybill.job_server SET state = 5 WHERE job_id = 'CEN00042' AND server_name = 'DS1'");
  AddRemoveServers();
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_THAT(site_.ServerState(kRemoveJob, "DS1"),
              StartsWith("4 SERVER_FAILED: server DS1, directory " + site_.Path("DS1d")));
}

TEST_F(RemovalLoopTest, WaitsForAWorkerWhoseRowWasEndedUntilHeLetsGoOrHisLeaseIsOver) {
  AddRemoveServers();
  site_.server().Execute(
      "UPDATE waybill.job_server SET state = 5, fence = 2, lease_end_time = now() + '15 s' "
      "WHERE job_id = 'CEN00042'");
  EXPECT_THAT(*store_.Claim(absl::Seconds(15), 64), IsEmpty());
  EXPECT_THAT(*servers_.UntilNextDue(),
              testing::AllOf(testing::Gt(absl::Seconds(1)), testing::Le(absl::Seconds(15))));
  ASSERT_THAT(servers_.LetGo({.job_id = "CEN00042", .server_name = "DS1", .fence = 1}), IsOk());
  ASSERT_THAT(servers_.LetGo({.job_id = "CEN00042", .server_name = "DS2", .fence = 0}), IsOk());
  EXPECT_THAT(*store_.Claim(absl::Seconds(15), 64), SizeIs(1)) << "a claim of before is no holder";
  site_.server().Execute("UPDATE waybill.job_server SET lease_end_time = now() WHERE state = 5");
  EXPECT_THAT(*store_.Claim(absl::Seconds(15), 64), SizeIs(1));
}

TEST_F(RemovalLoopTest, ProvesNothingBehindTheEndOfItsLease) {
  AddRemoveServers();
  const std::vector<RemovalClaim> claims = store_.Claim(absl::Seconds(15), 64).value();
  site_.LetTimePass();
  EXPECT_THAT(store_.Complete(claims[0], store_.ListCopies(claims[0]).value()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(*servers_.Keep({claims[0].claim}, absl::Seconds(15)), ElementsAre(false));
  EXPECT_EQ(site_.Count("location"), "2");
}

// What each step of a removal leaves when the process dies after it.
class RemovalCrashTest : public RemovalLoopTest, public ::testing::WithParamInterface<int> {
 protected:
  void LeaveStep(int step) {
    const tree::Directory package = site_.root().OpenDirectory(PackagePath("DS1")).value();
    const std::string name = version_.Prefix16Hex();
    const std::string aside = TemporaryCopyName(version_, "CEN00050.removed", 1);
    if (step >= 1) {
      ASSERT_THAT(package.Remove("current"), IsOk());
    }
    if (step >= 2) {
      ASSERT_THAT(package.Rename(name, package, aside), IsOk());
    }
    if (step >= 3) {
      ASSERT_THAT(package.Remove(aside + "/data"), IsOk());
    }
    if (step >= 4) {
      ASSERT_THAT(package.RemoveTree(aside), IsOk());
    }
    if (step >= 5) {
      ASSERT_THAT(package.Remove(ManifestName(version_)), IsOk());
    }
    if (step >= 6) {
      ASSERT_THAT(site_.root().RemoveDirectory(PackagePath("DS1")), IsOk());
    }
  }
};

TEST_P(RemovalCrashTest, FinishesWhatADeadOneBegan) {
  AddRemoveServers();
  ASSERT_THAT(*store_.Claim(absl::Seconds(15), 64), SizeIs(2));
  LeaveStep(GetParam());
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS1"), "6 ");  // The dead one's lease still runs.
  site_.LetTimePass();
  Remove(*loop);
  EXPECT_EQ(site_.ServerState(kRemoveJob, "DS1"), "7 ");
  EXPECT_FALSE(*site_.root().Exists(PackagePath("DS1")));
  EXPECT_EQ(site_.Count("location"), "0");
  EXPECT_EQ(PackageRemoved(), "t");
}

INSTANTIATE_TEST_SUITE_P(Steps, RemovalCrashTest, ::testing::Range(0, 7));

TEST_F(RemovalLoopTest, FinishesASiteThatDiedBetweenRowsAndManifests) {
  ASSERT_THAT(store_.DeleteVersions(ToClear()), IsOk());
  EXPECT_EQ(site_.Count("package_version"), "0");
  const auto loop = MakeLoop();
  EXPECT_THAT(loop->RunOnce(), IsOk());  // No server was frozen: none held it.
  EXPECT_THAT(*site_.content().manifests().List(), IsEmpty());
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_EQ(site_.Count("lease"), "0");
}

TEST_F(RemovalLoopTest, CollectsNothingWhileAnImportMayNeedAnyChunkAndNoJobWaitsForThat) {
  site_.server().Execute(
      "INSERT INTO waybill.pin VALUES ('p1', 'CEN00009', NULL, 'import', now() + interval '1 h')");
  const auto loop = MakeLoop();
  EXPECT_LE(*loop->RunOnce(), absl::Seconds(5));
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_THAT(*site_.content().manifests().List(), SizeIs(1));
  site_.server().Execute(
      "UPDATE waybill.pin SET end_time = now(); UPDATE waybill.lease SET end_time = now()");
  EXPECT_THAT(loop->RunOnce(), IsOk());
  EXPECT_THAT(*site_.content().manifests().List(), IsEmpty());
}

TEST_F(RemovalLoopTest, CollectsNothingWhileAManifestIsStillOnItsWay) {
  site_.server().Execute(absl::StrCat("INSERT INTO waybill.pin VALUES ('p1', 'CEN00009', '\\x",
                                      content::Sha256::Of("w").ToHex(),
                                      "', 'transfer', now() + interval '1 h')"));
  const auto loop = MakeLoop();
  EXPECT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_THAT(*site_.content().manifests().List(), SizeIs(1));
}

TEST_F(RemovalLoopTest, CollectsOnceMoreWhenThatIsAskedForWhileItCollects) {
  ASSERT_THAT(store_.DeleteVersions(ToClear()), IsOk());
  const std::int64_t fence = store_.TakeCollection("a", absl::Minutes(1)).value().value();
  EXPECT_FALSE(store_.TakeCollection("b", absl::Minutes(1)).value().has_value());
  AddVersion();
  ASSERT_THAT(store_.DeleteVersions(ToClear()), IsOk());
  ASSERT_THAT(store_.EndCollection("a", fence), IsOk());
  const std::optional<std::int64_t> again = store_.TakeCollection("b", absl::Minutes(1)).value();
  ASSERT_TRUE(again.has_value());
  ASSERT_THAT(store_.EndCollection("a", *again), IsOk()) << "not its collection any more";
  EXPECT_EQ(site_.Count("lease"), "1");
  ASSERT_THAT(store_.EndCollection("b", *again), IsOk());
  EXPECT_EQ(site_.Count("lease"), "0");
}

TEST_F(RemovalLoopTest, CollectsInStepsBetweenWhichOthersGetTheLock) {
  Distribute("CEN00002", "CEN00043", std::string(100'000, 'b'));
  site_.server().Execute("DELETE FROM waybill.package_version");
  const auto loop = MakeLoop("NYC", /*collect_step=*/absl::ZeroDuration());
  EXPECT_EQ(*loop->Collect(), true);  // Two packs, two manifests: a step for each.
  EXPECT_THAT(*site_.content().manifests().List(), IsEmpty());
  EXPECT_THAT(*site_.root().OpenDirectory("store/packs").value().List(), IsEmpty());
}

TEST_F(RemovalLoopTest, StopsCollectingWhenItStops) {
  ASSERT_THAT(store_.DeleteVersions(ToClear()), IsOk());
  AddVersion();
  const auto loop = MakeLoop();
  ASSERT_TRUE(loop->Stop(absl::Seconds(30)));
  EXPECT_THAT(loop->Collect(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(loop->RunOnce(), IsOk());
  EXPECT_TRUE(store_.TakeCollection("the next", absl::Minutes(1)).value().has_value());
}

TEST_F(RemovalLoopTest, LeavesAVersionThatALaterTransferOrJobReliesOn) {
  PutPin("NULL");
  std::optional<KeptVersion> kept = store_.DeleteVersions(ToClear()).value();
  EXPECT_EQ(kept.value().version, version_.ToHex());
  EXPECT_EQ(site_.Count("package_version"), "1");
  site_.server().Execute("DELETE FROM waybill.pin");
  site_.AddJob("CEN00060", kPackage, &version_);  // It may still be sent to the sites below.
  EXPECT_FALSE(store_.DeleteVersions(ToClear()).value().has_value());
  EXPECT_EQ(site_.Count("package_version"), "1");
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1 WHERE job_id = 'CEN00060'");
  EXPECT_FALSE(store_.DeleteVersions(ToClear()).value().has_value());
  EXPECT_EQ(site_.Count("package_version"), "0");
}

TEST_F(RemovalLoopTest, StaysOpenWithAReasonWhileATransferKeepsAVersion) {
  // Of another package: a job of this one would itself keep the version.
  site_.server().Execute("INSERT INTO waybill.package (package_id, name) VALUES ('CEN00009', 'x')");
  site_.AddJob("CEN00060", "CEN00009", nullptr);
  PutPin("'CEN00060'");
  const auto loop = MakeLoop();
  EXPECT_LE(*loop->RunOnce(), absl::Seconds(5));
  EXPECT_EQ(PackageRemoved(), "f");
  EXPECT_THAT(SiteReason(), StartsWith("VERSION_ON_ITS_WAY: a transfer of job CEN00060"));

  // Its cancel came while the pin was put.
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1 WHERE job_id = 'CEN00060'");
  EXPECT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_EQ(SiteReason(), "");
  EXPECT_EQ(site_.Count("package_version"), "0");
  EXPECT_EQ(site_.Count("pin"), "0");
}

TEST_F(RemovalLoopTest, CallsNothingDeadWhileAManifestCannotBeReadAndNoJobWaitsForThat) {
  const content::Digest other = Distribute("CEN00002", "CEN00043", "x");
  ASSERT_THAT(site_.content().manifests().Remove(other), IsOk());
  const auto loop = MakeLoop();
  EXPECT_THAT(loop->Collect(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_LE(*loop->RunOnce(), absl::Minutes(1));
  EXPECT_EQ(PackageRemoved(), "t");
  EXPECT_THAT(*site_.content().manifests().List(), ElementsAre(version_));
  EXPECT_THAT(*site_.root().OpenDirectory("store/packs").value().List(), testing::Not(IsEmpty()));
  EXPECT_EQ(site_.Count("lease WHERE lease_name = 'collect'"), "1") << "it is still to do";
}

TEST_F(RemovalLoopTest, RefusesALedgerRowThatLeadsElsewhere) {
  AddRemoveServers();
  site_.server().Execute(absl::StrCat("UPDATE waybill.location SET directory = '",
                                      site_.Path("source"), "' WHERE server_name = 'DS1'"));
  const auto loop = MakeLoop();
  Remove(*loop);
  EXPECT_THAT(site_.ServerState(kRemoveJob, "DS1"), HasSubstr("does not end in"));
  EXPECT_TRUE(*site_.root().Exists("source/setup"));
}

TEST_F(RemovalLoopTest, StopsAnOldHolder) {
  AddRemoveServers();
  const std::vector<RemovalClaim> old = store_.Claim(absl::Seconds(15), 64).value();
  ASSERT_THAT(old, SizeIs(2));
  site_.LetTimePass();
  ASSERT_THAT(*store_.Claim(absl::Seconds(15), 64), SizeIs(2));
  EXPECT_THAT(store_.Complete(old[0], {}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.Count("location"), "2");
}

}  // namespace
}  // namespace waybill::despooler
