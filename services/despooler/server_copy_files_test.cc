#include "services/despooler/server_copy_files.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/import.h"
#include "common/content/manifest.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/despooler/placement.h"

namespace waybill::despooler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kPackagePath[] = "SMS_PKGC/CEN00001";

absl::Status Go() {
  return absl::OkStatus();
}

// A package in a source directory that equals its manifest, and an empty share.
class ServerCopyTest : public ::testing::Test {
 protected:
  ServerCopyTest() {
    EXPECT_THAT(source_.MakeDirectory("data"), IsOk());
    EXPECT_THAT(source_.WriteFile("setup", "#!", {.mode = 0755, .durable = false}), IsOk());
    EXPECT_THAT(source_.WriteFile("data/a", std::string(100'000, 'a')), IsOk());
    EXPECT_THAT(source_.MakeLink("latest", "data/a"), IsOk());
    const auto store = content::ChunkStore::Open(root_.MakeDirectories("store").value()).value();
    content::ImportOptions options;
    options.package_id = "CEN00001";
    content::ImportResult imported = content::ImportTree(source_, *store, options).value();
    version_ = imported.manifest.Commit().value();
    manifest_ = store->manifests().Get(version_).value();
  }

  ServerCopy CopyOf(std::int64_t fence) const {
    return ServerCopy(share_, {.drive = "c",
                               .package_id = "CEN00001",
                               .version = version_,
                               .job_id = "CEN00042",
                               .fence = fence,
                               .newest_first = newest_first_});
  }

  absl::Status Publish(std::int64_t fence = 1,
                       const std::function<absl::Status()>& before_publish = Go) {
    return CopyOf(fence).Publish(manifest_, source_, before_publish, {}).status();
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto entries = share_.OpenDirectory(kPackagePath).value().List().value();
    for (const tree::Entry& entry : entries) {
      names.push_back(entry.name);
    }
    return names;
  }

  void ExpectWhole(const ServerCopy& copy) {
    EXPECT_TRUE(*copy.Stands());
    EXPECT_THAT(copy.Verify(manifest_, {}), IsOk());
    EXPECT_THAT(Names(), testing::UnorderedElementsAre(version_.Prefix16Hex(),
                                                       ManifestName(version_), "current"));
    EXPECT_EQ(*share_.ReadLink(absl::StrCat(kPackagePath, "/current")), version_.Prefix16Hex());
  }

  const tree::TestDirectory directory_;
  const tree::Directory root_ = directory_.Open();
  const tree::Directory source_ = root_.MakeDirectories("source").value();
  const tree::Directory share_ = root_.MakeDirectories("share").value();
  content::Digest version_;
  std::vector<std::string> newest_first_;
  content::Manifest manifest_ = content::Manifest::FromString("");
};

TEST_F(ServerCopyTest, PublishesAWholeCopyWithManifestAndLink) {
  EXPECT_FALSE(*CopyOf(1).Stands());
  EXPECT_FALSE(*CopyOf(1).HoldsPackage());
  ASSERT_THAT(Publish(), IsOk());
  ExpectWhole(CopyOf(1));
  EXPECT_EQ(share_.Stat(absl::StrCat(kPackagePath, "/", version_.Prefix16Hex()))->mode, 0755U);
  EXPECT_EQ(*DigestOf(*CopyOf(1).ReadManifest()), version_);
}

TEST_F(ServerCopyTest, PublishesNothingThatIsNoLongerWanted) {
  EXPECT_THAT(Publish(1, [] { return absl::CancelledError("cancelled"); }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_FALSE(*CopyOf(1).HoldsVersion());
  EXPECT_THAT(Names(), ElementsAre(ManifestName(version_)));
}

TEST_F(ServerCopyTest, ShowsTheOldDirectoryUntilTheNewOneIsReady) {
  ASSERT_THAT(Publish(), IsOk());
  const std::string bad = absl::StrCat(kPackagePath, "/", version_.Prefix16Hex(), "/setup");
  ASSERT_THAT(share_.WriteFile(bad, "??"), IsOk());
  std::string seen;
  EXPECT_THAT(Publish(2,
                      [&] {
                        seen = share_.ReadFile(bad, 10).value();
                        return absl::OkStatus();
                      }),
              IsOk());
  EXPECT_EQ(seen, "??");
  ExpectWhole(CopyOf(2));
}

TEST_F(ServerCopyTest, DoesNotStandWithoutItsManifestOrWithAnother) {
  ASSERT_THAT(Publish(), IsOk());
  const std::string path = absl::StrCat(kPackagePath, "/", ManifestName(version_));
  ASSERT_THAT(share_.WriteFile(path, "WBMANIF"), IsOk());
  EXPECT_FALSE(*CopyOf(1).Stands());
  EXPECT_THAT(CopyOf(1).ReadManifest(), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_THAT(CopyOf(1).Adopt(manifest_), IsOk());
  ExpectWhole(CopyOf(1));
  ASSERT_THAT(share_.Remove(path), IsOk());
  EXPECT_FALSE(*CopyOf(1).Stands());
}

TEST_F(ServerCopyTest, SeesEveryKindOfDamage) {
  ASSERT_THAT(Publish(), IsOk());
  const tree::Directory copy =
      share_.OpenDirectory(absl::StrCat(kPackagePath, "/", version_.Prefix16Hex())).value();
  ASSERT_THAT(copy.WriteFile("more", ""), IsOk());
  EXPECT_THAT(CopyOf(1).Verify(manifest_, {}), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_THAT(copy.Remove("more"), IsOk());
  EXPECT_THAT(CopyOf(1).Verify(manifest_, {}), IsOk());
  ASSERT_THAT(copy.Remove("latest"), IsOk());
  EXPECT_THAT(CopyOf(1).Verify(manifest_, {}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(ServerCopyTest, RemovesItAndThePackagesDirectoryWhenItWasTheLast) {
  ASSERT_THAT(Publish(), IsOk());
  const auto never = [] { return false; };
  ASSERT_THAT(CopyOf(2).Remove(never), IsOk());
  EXPECT_FALSE(*CopyOf(2).HoldsPackage());
  EXPECT_THAT(CopyOf(3).Remove(never), IsOk());
}

TEST_F(ServerCopyTest, RemovesOnlyItsOwnVersion) {
  ASSERT_THAT(Publish(), IsOk());
  const tree::Directory package = share_.OpenDirectory(kPackagePath).value();
  ASSERT_THAT(package.MakeDirectory("0123456789abcdef"), IsOk());
  ASSERT_THAT(package.Remove("current"), IsOk());
  ASSERT_THAT(package.MakeLink("current", "0123456789abcdef"), IsOk());
  ASSERT_THAT(CopyOf(2).Remove([] { return false; }), IsOk());
  EXPECT_THAT(Names(), ElementsAre("0123456789abcdef", "current"));
}

TEST_F(ServerCopyTest, CurrentLeadsToTheNewestThatStandsWhateverCameLast) {
  const tree::Directory package = share_.MakeDirectories(kPackagePath).value();
  for (const char* name : {"000000000000000a", "000000000000000b"}) {
    ASSERT_THAT(package.MakeDirectory(name), IsOk());
  }
  const std::string own = version_.Prefix16Hex();
  newest_first_ = {"000000000000000c", "000000000000000a", own, "000000000000000b"};
  ASSERT_THAT(Publish(), IsOk());  // An older version than what stands.
  EXPECT_EQ(*package.ReadLink("current"), "000000000000000a");
  ASSERT_THAT(package.Remove("current"), IsOk());
  ASSERT_THAT(package.RemoveDirectory("000000000000000a"), IsOk());
  ASSERT_THAT(CopyOf(2).Adopt(manifest_), IsOk());
  EXPECT_EQ(*package.ReadLink("current"), own);
  ASSERT_THAT(CopyOf(3).Remove([] { return false; }), IsOk());
  EXPECT_EQ(*package.ReadLink("current"), "000000000000000b") << "of those that stay";
}

TEST_F(ServerCopyTest, SweepsAwayWhateverStandsButForWhatIsSpared) {
  ASSERT_THAT(Publish(), IsOk());
  const tree::Directory package = share_.OpenDirectory(kPackagePath).value();
  ASSERT_THAT(package.MakeDirectories("0123456789abcdef/data"), IsOk());
  ASSERT_THAT(package.WriteFile("00000000000000ff.manifest", "m"), IsOk());
  ASSERT_THAT(package.MakeDirectory(".00000000000000ff.CEN00042.1.tmp"), IsOk());
  const ShareSweep sweep = {.drive = "c",
                            .package_id = "CEN00001",
                            .version = {},
                            .spared = {version_},
                            .job_id = "CEN00050",
                            .fence = 1};
  const auto never = [] { return false; };
  EXPECT_EQ(SweepShare(share_, sweep, never).value(), 2);
  ExpectWhole(CopyOf(1));

  ShareSweep only_this = sweep;
  only_this.spared.clear();
  only_this.version = content::Sha256::Of("another");
  EXPECT_EQ(SweepShare(share_, only_this, never).value(), 0);
  ExpectWhole(CopyOf(1));
  only_this.version = version_;
  EXPECT_EQ(SweepShare(share_, only_this, never).value(), 1);
  EXPECT_FALSE(*CopyOf(1).HoldsPackage());
  EXPECT_EQ(SweepShare(share_, sweep, never).value(), 0);
}

TEST_F(ServerCopyTest, StopsARemovalOnRequestWithTheVersionAwayFromItsName) {
  ASSERT_THAT(Publish(), IsOk());
  EXPECT_THAT(CopyOf(2).Remove([] { return true; }), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_FALSE(*CopyOf(2).HoldsVersion());
  EXPECT_THAT(CopyOf(3).Remove([] { return false; }), IsOk());
  EXPECT_FALSE(*CopyOf(3).HoldsPackage());
}

// What each step of a publication leaves when the process dies after it.
class PublishCrashTest : public ServerCopyTest, public ::testing::WithParamInterface<int> {
 protected:
  void LeaveStep(int step) {
    const tree::Directory package = share_.MakeDirectories(kPackagePath).value();
    const std::string built = TemporaryCopyName(version_, "CEN00042", 1);
    if (step >= 1) {  // A part of the tree.
      ASSERT_THAT(package.MakeDirectory(built, 0700), IsOk());
      ASSERT_THAT(package.WriteFile(built + "/setup", "#"), IsOk());
    }
    if (step >= 2) {  // A part of the manifest.
      ASSERT_THAT(package.WriteFile(TemporaryCopyName(version_, "CEN00042.manifest", 1), "WBMANIF"),
                  IsOk());
    }
    if (step >= 3) {  // A damaged version moved aside, where names cannot be exchanged.
      ASSERT_THAT(package.MakeDirectory(TemporaryCopyName(version_, "CEN00042.damaged", 1)),
                  IsOk());
    }
    if (step >= 4) {  // A link that was not renamed.
      ASSERT_THAT(package.MakeLink(TemporaryCopyName(version_, "CEN00042.current", 1),
                                   version_.Prefix16Hex()),
                  IsOk());
    }
  }
};

TEST_P(PublishCrashTest, IsDoneWholeByTheNextAttempt) {
  LeaveStep(GetParam());
  EXPECT_FALSE(*CopyOf(2).Stands());
  ASSERT_THAT(Publish(2), IsOk());
  ExpectWhole(CopyOf(2));
}

INSTANTIATE_TEST_SUITE_P(Steps, PublishCrashTest, ::testing::Range(0, 5));

}  // namespace
}  // namespace waybill::despooler
