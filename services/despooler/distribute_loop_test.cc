#include "services/despooler/distribute_loop.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/placement.h"
#include "services/despooler/server_copy_files.h"
#include "services/despooler/temporary_tree_files.h"
#include "services/despooler/test_site.h"

namespace waybill::despooler {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kPackage[] = "CEN00001";
constexpr absl::Duration kLease = absl::Seconds(15);

class DistributeLoopTest : public ::testing::Test {
 protected:
  DistributeLoopTest() {
    version_ = site_.AddVersion(
        kPackage,
        {{"setup", "#!/bin/sh\n"}, {"data/a", std::string(300'000, 'a')}, {"data/empty", ""}});
    site_.AddServer("DS1");
    site_.AddJob("CEN00042", kPackage, &version_);
  }

  std::unique_ptr<DistributeLoop> MakeLoop(SiteDrives drives) {
    return std::make_unique<DistributeLoop>(
        DistributeLoop::Parts{.store = store_, .content = site_.content(), .clock = site_.clock()},
        std::move(drives), [this](absl::string_view channel) { site_.Notify(channel); },
        DistributeLoop::Options{});
  }
  std::unique_ptr<DistributeLoop> MakeLoop() { return MakeLoop(site_.Drives()); }

  // Passes until the workers of this one are done.
  void Distribute(DistributeLoop& loop) {
    ASSERT_THAT(loop.RunOnce(), IsOk());
    ASSERT_TRUE(loop.crew().WaitIdle(absl::Seconds(30)));
  }
  void Distribute() {
    const auto loop = MakeLoop();
    Distribute(*loop);
  }

  std::string CopyPath(const std::string& share = "DS1c", const char* drive = "C") const {
    return absl::StrCat(share, "/SMS_PKG", drive, "/", kPackage, "/", version_.Prefix16Hex());
  }

  // Against the manifest, byte for byte, by the library that did not copy.
  absl::Status VerifyCopy(const std::string& share = "DS1c", const char* drive = "C") {
    const auto directory = site_.root().OpenDirectory(CopyPath(share, drive));
    if (!directory.ok()) {
      return directory.status();
    }
    return content::VerifyTree(site_.content().manifests().Get(version_).value(), *directory);
  }

  std::vector<std::string> NamesIn(const std::string& path) {
    std::vector<std::string> names;
    const auto entries = site_.root().OpenDirectory(path).value().List().value();
    for (const tree::Entry& entry : entries) {
      names.push_back(entry.name);
    }
    return names;
  }

  TestSite site_;
  DistributeStore store_{site_.database(), "NYC"};
  content::Digest version_;
};

TEST_F(DistributeLoopTest, PutsAPendingServersCopyOnItsShareAndIntoTheLedger) {
  site_.AddJobServer("CEN00042", "DS1");
  site_.AddWorkstation("NYC00001");
  site_.AddTarget("CEN00042", "NYC00001");
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_THAT(VerifyCopy(), IsOk());
  const std::string package = absl::StrCat("DS1c/SMS_PKGC/", kPackage);
  EXPECT_EQ(*site_.root().ReadLink(package + "/current"), version_.Prefix16Hex());
  EXPECT_EQ(*DigestOf(content::Manifest::FromString(
                *site_.root().ReadFile(CopyPath() + ".manifest", 1 << 20))),
            version_);
  EXPECT_EQ(site_.server().QueryText("SELECT directory FROM waybill.location WHERE drive = 'c'"),
            site_.Path(CopyPath()));
  EXPECT_EQ(site_.server().QueryText(
                "SELECT domain || offer_version || written_version FROM waybill.pcm_definition"),
            "SALES10");
  EXPECT_THAT(site_.notified(), Contains("waybill_definition"));
  EXPECT_THAT(NamesIn(package), SizeIs(3));
  EXPECT_THAT(NamesIn("c/waybill.tmp"), IsEmpty());
  EXPECT_FALSE(*site_.root().Exists("d/waybill.tmp/x"));
}

TEST_F(DistributeLoopTest, BuildsOneTreeForAllServersAndEndsEachRowAlone) {
  site_.AddServer("DS2");
  site_.AddServer("DS3");
  ASSERT_THAT(site_.root().RemoveTree("DS2c"), IsOk());  // Its mount is gone.
  for (const char* server : {"DS1", "DS2", "DS3"}) {
    site_.AddJobServer("CEN00042", server);
  }
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_EQ(site_.ServerState("CEN00042", "DS3"), "3 ");
  EXPECT_THAT(VerifyCopy("DS3c"), IsOk());
  const std::string waiting = site_.ServerState("CEN00042", "DS2");
  EXPECT_THAT(waiting, StartsWith("4 SERVER_FAILED: server DS2, directory " + site_.Path("DS2c")));
  EXPECT_FALSE(*site_.root().Exists("DS2c"));

  ASSERT_THAT(site_.root().MakeDirectory("DS2c"), IsOk());  // And is back.
  site_.LetTimePass();
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS2"), "3 ");
  EXPECT_EQ(
      site_.server().QueryText("SELECT sum(attempt_count) FROM waybill.job_server WHERE state = 3"),
      "4");
}

TEST_F(DistributeLoopTest, DoesNotTouchACopyThatStands) {
  site_.AddJobServer("CEN00042", "DS1");
  Distribute();
  const auto before = site_.root().Stat(CopyPath()).value();
  site_.AddJob("CEN00043", kPackage, &version_);
  site_.AddJobServer("CEN00043", "DS1");
  // Without a drive no tree could be built.
  const auto loop = MakeLoop({.directories = {}, .measure_space = site_.Drives().measure_space});
  Distribute(*loop);
  EXPECT_EQ(site_.ServerState("CEN00043", "DS1"), "3 ");
  EXPECT_EQ(site_.root().Stat(CopyPath())->inode, before.inode);
}

TEST_F(DistributeLoopTest, AdoptsAGoodDirectoryThatTheLedgerDoesNotKnow) {
  site_.AddJobServer("CEN00042", "DS1");
  Distribute();
  // As a crash between the rename and the transaction leaves it.
  site_.server().Execute("DELETE FROM waybill.location");
  site_.server().Execute("UPDATE waybill.job_server SET state = 2");
  site_.LetTimePass();
  ASSERT_THAT(site_.root().Remove(CopyPath() + ".manifest"), IsOk());
  const auto before = site_.root().Stat(CopyPath()).value();
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_EQ(site_.root().Stat(CopyPath())->inode, before.inode);
  EXPECT_TRUE(*site_.root().Exists(CopyPath() + ".manifest"));
  EXPECT_EQ(site_.Count("location"), "1");
}

TEST_F(DistributeLoopTest, RecordsACopyWhoseRowWasEndedWhileItWasMade) {
  site_.AddJobServer("CEN00042", "DS1");
  const CopyBatch batch = store_.ClaimCopies(absl::Seconds(15), 64).value().value();
  const auto complete = [&] {
    return store_.CompleteCopy(batch.claims[0], batch, {.drive = "c", .directory = "/x"}, 7);
  };
  site_.server().Execute(
      "UPDATE waybill.job_server SET state = 5, fence = fence + 1, change_time = now() - "
      "interval '1 s', lease_end_time = now() - interval '1 s'");
  EXPECT_THAT(complete(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.Count("location"), "0") << "somebody may have removed it since";

  site_.server().Execute("UPDATE waybill.job_server SET lease_end_time = now() + interval '9 s'");
  EXPECT_THAT(complete(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.Count("location l JOIN waybill.job_server s ON l.observe_time = s.change_time "
                        "AND s.lease_end_time < now()"),
            "1");
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "5 ");
}

TEST_F(DistributeLoopTest, RebuildsADamagedDirectory) {
  site_.AddJobServer("CEN00042", "DS1");
  Distribute();
  ASSERT_THAT(site_.root().WriteFile(CopyPath() + "/data/a", std::string(300'000, 'b')), IsOk());
  site_.server().Execute("DELETE FROM waybill.location");
  site_.server().Execute("UPDATE waybill.job_server SET state = 1");
  site_.LetTimePass();
  ASSERT_THAT(VerifyCopy(), StatusIs(absl::StatusCode::kDataLoss));
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_THAT(VerifyCopy(), IsOk());
  EXPECT_THAT(NamesIn(absl::StrCat("DS1c/SMS_PKGC/", kPackage)), SizeIs(3));
}

TEST_F(DistributeLoopTest, RemovesWhatDeadAttemptsLeft) {
  const std::string left =
      absl::StrCat("DS1c/SMS_PKGC/", kPackage, "/", TemporaryCopyName(version_, "CEN00042", 1));
  ASSERT_THAT(site_.root().MakeDirectories(left + "/data"), IsOk());
  ASSERT_THAT(site_.root().MakeDirectories("c/waybill.tmp/0123/data"), IsOk());
  site_.AddJobServer("CEN00042", "DS1");
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_FALSE(*site_.root().Exists(left));
  EXPECT_FALSE(*site_.root().Exists("c/waybill.tmp/0123"));
}

TEST_F(DistributeLoopTest, LeavesTheTreeOfALivingDespoolerAlone) {
  const auto drive = site_.root().OpenDirectory("c").value();
  const auto tree = TemporaryTree::Make(drive).value();
  ASSERT_THAT(SweepTemporaryTrees(drive), IsOk());
  EXPECT_THAT(tree->directory().MakeDirectory("x"), IsOk());
  EXPECT_THAT(NamesIn("c/waybill.tmp"), SizeIs(2));
}

TEST_F(DistributeLoopTest, WaitsForSpaceOnTheSiteServerAndGoesOnByItself) {
  site_.AddJobServer("CEN00042", "DS1");
  std::atomic<bool> full = true;
  SiteDrives drives = site_.Drives();
  const std::string first_drive = site_.Path("c");
  drives.measure_space = [&](const tree::Directory& directory) -> absl::StatusOr<tree::SpaceInfo> {
    auto space = directory.Space();
    if (full && directory.path().find("DS1") == std::string::npos) {
      space->free_bytes = directory.path() == first_drive ? 1000 : 2000;
    }
    return space;
  };
  const auto loop = MakeLoop(drives);
  Distribute(*loop);
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"), StartsWith("4 INSUFFICIENT_SPACE: "));
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"), HasSubstr(" bytes needed, 2000 available on "));
  EXPECT_EQ(site_.server().QueryText("SELECT attempt_count FROM waybill.job_server"), "0");
  EXPECT_LE(*loop->RunOnce(), absl::Seconds(5));
  full = false;
  site_.LetTimePass();
  Distribute(*loop);
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
}

TEST_F(DistributeLoopTest, NamesTheServerThatHasNoRoom) {
  site_.AddJobServer("CEN00042", "DS1");
  SiteDrives drives = site_.Drives();
  drives.measure_space = [&](const tree::Directory& directory) {
    auto space = directory.Space();
    space->free_bytes = directory.path().find("DS1") != std::string::npos ? 7 : 1 << 30;
    return space;
  };
  const auto loop = MakeLoop(drives);
  Distribute(*loop);
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"), HasSubstr(" 7 available on server DS1"));
}

TEST_F(DistributeLoopTest, PutsTheCopyOnTheShareWithTheMostRoom) {
  site_.AddServer("DS1", "d");
  site_.AddJobServer("CEN00042", "DS1");
  SiteDrives drives = site_.Drives();
  drives.measure_space = [&](const tree::Directory& directory) {
    auto space = directory.Space();
    space->free_bytes = directory.path() == site_.Path("DS1d") ? 2 << 20 : 1 << 20;
    return space;
  };
  const auto loop = MakeLoop(drives);
  Distribute(*loop);
  EXPECT_THAT(VerifyCopy("DS1d", "D"), IsOk());
  EXPECT_EQ(site_.server().QueryText("SELECT drive FROM waybill.location"), "d");
}

TEST_F(DistributeLoopTest, EndsRowsOfAVersionThatTheSiteNoLongerHolds) {
  site_.AddServer("DS2");
  site_.AddJobServer("CEN00042", "DS1");
  site_.AddJobServer("CEN00042", "DS2");
  site_.AddWorkstation("NYC00001");
  site_.AddWorkstation("NYC00002");
  site_.AddTarget("CEN00042", "NYC00001");
  site_.AddTarget("CEN00042", "NYC00002", 4);
  site_.server().Execute("DELETE FROM waybill.package_version");
  Distribute();
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"), StartsWith("5 VERSION_NOT_AT_SITE: "));
  EXPECT_THAT(site_.ServerState("CEN00042", "DS2"), StartsWith("5 VERSION_NOT_AT_SITE: "));
  EXPECT_THAT(site_.TargetState("CEN00042", "NYC00001"), StartsWith("6 NO_SERVER_HAS_IT: "));
  EXPECT_EQ(site_.TargetState("CEN00042", "NYC00002"), "4 ");  // Runs, from a copy it had.
}

TEST_F(DistributeLoopTest, ReportsALostChunkAsDataLossAndRetries) {
  site_.AddJobServer("CEN00042", "DS1");
  ASSERT_THAT(site_.content().Collect([](const content::Digest& /*digest*/) { return false; },
                                      [] { return false; }),
              IsOk());
  Distribute();
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"), StartsWith("4 DATA_LOSS: "));
  EXPECT_FALSE(*site_.root().Exists(CopyPath()));
  EXPECT_THAT(NamesIn("c/waybill.tmp"), IsEmpty());
}

TEST_F(DistributeLoopTest, FailsBehindTheDeadlineWithTheLastReason) {
  site_.AddJobServer("CEN00042", "DS1");
  site_.AddWorkstation("NYC00001");
  site_.AddTarget("CEN00042", "NYC00001", 2);
  ASSERT_THAT(site_.root().RemoveTree("DS1c"), IsOk());
  site_.server().Execute("UPDATE waybill.job SET deadline = now()");
  Distribute();
  EXPECT_THAT(site_.ServerState("CEN00042", "DS1"),
              StartsWith("5 DEADLINE_PASSED: the last attempt ended with SERVER_FAILED: "));
  EXPECT_THAT(site_.TargetState("CEN00042", "NYC00001"), StartsWith("6 NO_SERVER_HAS_IT: "));
}

TEST_F(DistributeLoopTest, TakesNothingOfACancelledJob) {
  site_.AddJobServer("CEN00042", "DS1");
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "1 ");
}

TEST_F(DistributeLoopTest, StopsBeforePublishingWhenTheJobIsCancelledMeanwhile) {
  site_.AddJobServer("CEN00042", "DS1");
  SiteDrives drives = site_.Drives();
  drives.measure_space = [&](const tree::Directory& directory) {
    // Asked for the share first, then for the drives: the claim is held now.
    site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1");
    return directory.Space();
  };
  const auto loop = MakeLoop(drives);
  Distribute(*loop);
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "2 ");  // The commit of the cancel ends it.
  EXPECT_FALSE(*site_.root().Exists(CopyPath()));
  EXPECT_EQ(site_.Count("location"), "0");
  EXPECT_THAT(NamesIn(absl::StrCat("DS1c/SMS_PKGC/", kPackage)), SizeIs(1));  // The manifest.
}

TEST_F(DistributeLoopTest, AnotherLoopTakesOverWhatADeadOneClaimed) {
  site_.AddJobServer("CEN00042", "DS1");
  const auto dead = store_.ClaimCopies(kLease, 64).value();
  ASSERT_TRUE(dead.has_value());
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "2 ");
  site_.LetTimePass();
  Distribute();
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
  EXPECT_THAT(store_.CompleteCopy(dead->claims[0], *dead, {}, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store_.Fail(dead->claims[0], "x"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store_.Retry(dead->claims[0], {}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.ServerState("CEN00042", "DS1"), "3 ");
}

TEST_F(DistributeLoopTest, TwoLoopsAtOnceDoEachServerOnce) {
  for (int i = 2; i <= 9; ++i) {
    site_.AddServer(absl::StrCat("DS", i));
    site_.AddJobServer("CEN00042", absl::StrCat("DS", i));
  }
  const auto one = MakeLoop();
  const auto other = MakeLoop();
  one->Start();
  other->Start();
  const auto served = [&] { return site_.Count("job_server WHERE state = 3") == "8"; };
  for (int i = 0; i < 3000 && !served(); ++i) {
    one->crew().WaitIdle(absl::ZeroDuration());
  }
  EXPECT_TRUE(one->Stop(absl::Seconds(30)));
  EXPECT_TRUE(other->Stop(absl::Seconds(30)));
  EXPECT_EQ(site_.server().QueryText("SELECT max(fence) FROM waybill.job_server"), "1");
  EXPECT_EQ(site_.Count("location"), "8");
}

TEST_F(DistributeLoopTest, GivesAServerAndPackageToOneJobAtATime) {
  site_.AddJob("CEN00043", kPackage, &version_);
  site_.AddJobServer("CEN00042", "DS1");
  site_.AddJobServer("CEN00043", "DS1");
  const auto first = store_.ClaimCopies(kLease, 64).value();
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(first->claims, SizeIs(1));
  EXPECT_FALSE(store_.ClaimCopies(kLease, 64).value().has_value());
  EXPECT_THAT(store_.CompleteCopy(first->claims[0], *first, {"c", "/x"}, 1), IsOk());
  EXPECT_TRUE(store_.ClaimCopies(kLease, 64).value().has_value());
}

TEST_F(DistributeLoopTest, KeepsOnlyWhatIsStillItsOwn) {
  site_.AddServer("DS2");
  site_.AddJobServer("CEN00042", "DS1");
  site_.AddJobServer("CEN00042", "DS2");
  const std::vector<ServerClaim> claims = store_.ClaimCopies(kLease, 64).value()->claims;
  ASSERT_THAT(claims, SizeIs(2));
  EXPECT_THAT(*store_.Keep(claims, kLease), testing::ElementsAre(true, true));
  site_.server().Execute("UPDATE waybill.job_server SET fence = 9 WHERE server_name = 'DS1'");
  EXPECT_THAT(*store_.Keep(claims, kLease), testing::ElementsAre(false, true));
  EXPECT_THAT(*store_.Check(claims), testing::ElementsAre(false, true));
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  EXPECT_THAT(*store_.Check(claims), testing::ElementsAre(false, false));
}

}  // namespace
}  // namespace waybill::despooler
