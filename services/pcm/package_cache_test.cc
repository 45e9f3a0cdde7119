#include "services/pcm/package_cache.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/extract.h"
#include "common/model/definition_file.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/pcm/directory_source.h"
#include "services/pcm/package_source.h"
#include "services/pcm/test_share.h"
#include "services/pcm/tree_fetch.h"

namespace waybill::pcm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class PackageCacheTest : public testing::Test {
 protected:
  PackageCacheTest() : cache_(MakeCache({})) {}

  std::unique_ptr<PackageCache> MakeCache(const PackageCache::Options& options) const {
    return std::make_unique<PackageCache>(directory_.Open(), options);
  }

  model::Offer Offer(std::vector<model::OfferLocation> locations) const {
    return share_.MakeOffer("CEN00042", {"run.sh"}, std::move(locations), absl::UnixEpoch());
  }

  absl::StatusOr<PackageCache::Package> Get(std::vector<model::OfferLocation> locations) {
    return cache_->Get(Offer(locations), locations, [] { return false; });
  }

  // Changes one byte in the middle of a file of a server.
  void Damage(const std::string& server_name, const std::string& path) {
    tree::File file =
        share_.root().OpenReadWrite(absl::StrCat(share_.Standing(server_name), "/", path)).value();
    ASSERT_THAT(file.WriteFull(file.Size().value() / 2, "\x01"), IsOk());
  }

  std::string Name() const { return share_.version().Prefix16Hex(); }

  TestShare share_ = TestShare({{"run.sh", "#!/bin/sh\necho hello\n", true},
                                {"data/big", std::string(3 << 20, 'b')},
                                {"data/empty", ""},
                                {"readme", "read me"}},
                               {{"current", "data/big"}});
  const tree::TestDirectory directory_;
  std::unique_ptr<PackageCache> cache_;
};

TEST_F(PackageCacheTest, FetchesAWholePackageWithModesTimesAndLinks) {
  const model::OfferLocation location = share_.Publish("DS1");
  const PackageCache::Package package = Get({location}).value();
  EXPECT_EQ(package.server_name, "DS1");
  const tree::Directory source = tree::Directory::Open(location.directory).value();
  EXPECT_THAT(content::VerifyTree(share_.manifest(), package.root), IsOk());
  for (const char* path : {"run.sh", "data/big", "data", "current"}) {
    const tree::FileInfo theirs = source.Stat(path).value();
    const tree::FileInfo ours = package.root.Stat(path).value();
    EXPECT_EQ(ours.mode, theirs.mode) << path;
    EXPECT_EQ(ours.modified_time, theirs.modified_time) << path;
  }
  EXPECT_EQ(package.root.ReadLink("current").value(), "data/big");
}

TEST_F(PackageCacheTest, DoesNotFetchAgainWhatStandsHere) {
  const model::OfferLocation location = share_.Publish("DS1");
  ASSERT_THAT(Get({location}), IsOk());
  ASSERT_THAT(share_.root().RemoveTree("DS1"), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "");
}

TEST_F(PackageCacheTest, FetchesAgainWhatWasChangedHere) {
  const model::OfferLocation location = share_.Publish("DS1");
  const PackageCache::Package first = Get({location}).value();
  ASSERT_THAT(first.root.WriteFile("readme", "READ ME"), IsOk());
  const PackageCache::Package second = Get({location}).value();
  EXPECT_EQ(second.server_name, "DS1");
  EXPECT_EQ(second.root.ReadFile("readme", 100).value(), "read me");
  ASSERT_THAT(second.root.WriteFile("extra", "left by a command"), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
}

TEST_F(PackageCacheTest, GoesToTheNextServerWhereOneIsDamagedAndKeepsWhatWasGood) {
  const model::OfferLocation damaged = share_.Publish("DS1");
  const model::OfferLocation good = share_.Publish("DS2");
  Damage("DS1", "readme");  // The last file of the tree.
  ASSERT_THAT(share_.root().RemoveTree(absl::StrCat(share_.Standing("DS2"), "/data/big")), IsOk());
  EXPECT_THAT(Get({damaged}), StatusIs(absl::StatusCode::kUnavailable));
  const PackageCache::Package package = Get({damaged, good}).value();
  EXPECT_EQ(package.server_name, "DS2") << "what it lacks was kept from DS1";
  EXPECT_THAT(content::VerifyTree(share_.manifest(), package.root), IsOk());
}

TEST_F(PackageCacheTest, SaysWhatEachServerSaidWhenNoneHasIt) {
  const model::OfferLocation damaged = share_.Publish("DS1");
  Damage("DS1", "data/big");
  const model::OfferLocation absent = {.server_name = "DS2", .directory = "/nonexistent/share"};
  const model::OfferLocation relative = {.server_name = "DS3", .directory = "share"};
  const auto result = Get({damaged, absent, relative});
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("DS1: file \"data/big\": other bytes"), HasSubstr("DS2: open"),
                    HasSubstr("DS3: its directory is not an absolute path")));
}

TEST_F(PackageCacheTest, BelievesNoManifestButTheOffersOwn) {
  TestShare other({{"run.sh", "#!/bin/sh\nrm -rf /\n", true}});
  const model::OfferLocation location = share_.Publish("DS1");
  other.Publish("DS1");
  const std::string manifest =
      other.root().ReadFile(absl::StrCat(other.Standing("DS1"), ".manifest"), 1 << 20).value();
  ASSERT_THAT(share_.root().WriteFile(absl::StrCat(share_.Standing("DS1"), ".manifest"), manifest),
              IsOk());
  const auto result = Get({location});
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("the manifest is of version"));
}

TEST_F(PackageCacheTest, FindsItsWayFromEveryStateThatACrashLeaves) {
  const model::OfferLocation location = share_.Publish("DS1");
  const tree::Directory root = directory_.Open();
  // A half fetched file that is too long, and a manifest that was cut.
  ASSERT_THAT(root.MakeDirectories(Name() + ".partial/data").status(), IsOk());
  ASSERT_THAT(root.WriteFile(Name() + ".partial/readme", std::string(5000, 'x')), IsOk());
  ASSERT_THAT(root.WriteFile(Name() + ".manifest", "WBMANIF\n"), IsOk());
  ASSERT_THAT(root.WriteFile(Name() + ".manifest.partial", "WB"), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
  // A tree whose files a power cut emptied.
  ASSERT_THAT(root.WriteFile(Name() + "/data/big", ""), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
  // A tree without a manifest.
  ASSERT_THAT(root.Remove(Name() + ".manifest"), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
}

TEST_F(PackageCacheTest, EndsEarlyWhenItIsCancelled) {
  const model::OfferLocation location = share_.Publish("DS1");
  EXPECT_THAT(cache_->Get(Offer({location}), {location}, [] { return true; }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Get({location}), IsOk());
}

TEST_F(PackageCacheTest, TrustsWhatItVerifiedOnlyWhenTold) {
  const model::OfferLocation location = share_.Publish("DS1");
  cache_ = MakeCache({.trusts_verified = true});
  ASSERT_THAT(Get({location}), IsOk());
  ASSERT_THAT(directory_.Open().WriteFile(Name() + "/readme", "READ ME"), IsOk());
  EXPECT_EQ(Get({location}).value().server_name, "");
  cache_ = MakeCache({});
  EXPECT_EQ(Get({location}).value().server_name, "DS1");
}

TEST_F(PackageCacheTest, RemovesVersionsThatAreNotOfferedAnyMore) {
  const model::OfferLocation location = share_.Publish("DS1");
  ASSERT_THAT(Get({location}), IsOk());
  const tree::Directory root = directory_.Open();
  ASSERT_THAT(root.MakeDirectories("0123456789abcdef.partial/x").status(), IsOk());
  const auto names = [&root] {
    std::set<std::string> found;
    const std::vector<tree::Entry> entries = root.List().value();
    for (const tree::Entry& entry : entries) found.insert(entry.name);
    return found;
  };
  ASSERT_THAT(cache_->KeepOnly({share_.version().ToHex()}), IsOk());
  EXPECT_THAT(names(), UnorderedElementsAre(Name(), Name() + ".manifest"));
  ASSERT_THAT(cache_->KeepOnly({}), IsOk());
  EXPECT_THAT(names(), UnorderedElementsAre());
}

TEST_F(PackageCacheTest, RefusesAVersionThatIsNoDigest) {
  model::Offer offer = Offer({});
  offer.version = "../../../../etc/passwd";
  EXPECT_THAT(cache_->Get(offer, {}, [] { return false; }),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(PackageCacheTest, AFetchThatGoesOnMovesOnlyWhatIsLacking) {
  const model::OfferLocation location = share_.Publish("DS1");
  const std::unique_ptr<PackageSource> source = OpenDirectorySource(location.directory).value();
  const tree::Directory target = directory_.Open().MakeDirectories("target").value();
  const auto never = [] { return false; };
  const FetchCounts first = FetchTree(share_.manifest(), *source, target, never).value();
  EXPECT_EQ(first.kept_bytes, 0U);
  tree::File file = target.OpenReadWrite("data/big").value();
  ASSERT_THAT(file.WriteFull(file.Size().value() - 1, "x"), IsOk());
  const FetchCounts second = FetchTree(share_.manifest(), *source, target, never).value();
  EXPECT_EQ(first.fetched_bytes, second.kept_bytes + second.fetched_bytes);
  EXPECT_GT(second.fetched_bytes, 0U);
  EXPECT_LE(second.fetched_bytes, 512U << 10) << "one chunk";
  EXPECT_THAT(content::VerifyTree(share_.manifest(), target), IsOk());
}

TEST(OrderLocationsTest, PrefersTheLastServerAndSpreadsWorkstations) {
  const std::vector<model::OfferLocation> all = {{"DS1", "/a"}, {"DS2", "/b"}, {"DS3", "/c"}};
  const std::vector<model::OfferLocation> other_way = {all[2], all[1], all[0]};
  std::set<std::string> firsts;
  for (int i = 0; i < 60; ++i) {
    const std::string sms_id = absl::StrCat("NYC", 10000 + i);
    const auto order = OrderLocations(all, sms_id, "");
    EXPECT_EQ(order, OrderLocations(other_way, sms_id, "")) << "whatever the file's order";
    EXPECT_EQ(OrderLocations(all, sms_id, "DS2").front().server_name, "DS2");
    EXPECT_EQ(OrderLocations(all, sms_id, "DS9"), order) << "one that is not listed any more";
    firsts.insert(order.front().server_name);
  }
  EXPECT_THAT(firsts, UnorderedElementsAre("DS1", "DS2", "DS3"));
}

}  // namespace
}  // namespace waybill::pcm
