#include "services/despooler/definition_loop.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/model/definition_file.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "services/despooler/definition_store.h"
#include "services/despooler/test_site.h"

namespace waybill::despooler {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPackage[] = "CEN00001";
constexpr char kJob[] = "CEN00042";
constexpr char kMaster[] = "site/site.srv/mancfg.box/";

// A run job whose version stands on DS1, for NYC00001 in SALES.
class DefinitionLoopTest : public ::testing::Test {
 protected:
  DefinitionLoopTest() {
    version_ = site_.AddVersion(kPackage, {{"setup", "#!"}});
    site_.AddJob(kJob, kPackage, &version_);
    AddLocation("DS1");
    AddTargetOf("NYC00001", "SALES");
  }

  void AddLocation(const std::string& server) {
    site_.server().Execute(absl::StrCat(
        "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, "
        "directory, plain_bytes) VALUES ('NYC', '",
        server, "', '", kPackage, "', '\\x", version_.ToHex(), "', 'c', '/srv/", server, "', 2)"));
  }

  void AddTargetOf(const std::string& sms_id, const std::string& domain) {
    site_.AddWorkstation(sms_id, domain);
    site_.AddTarget(kJob, sms_id);
    site_.server().Execute(
        absl::StrCat("INSERT INTO waybill.pcm_definition (sms_id, domain) "
                     "VALUES ('",
                     sms_id, "', '", domain, "')"));
  }

  std::unique_ptr<DefinitionLoop> MakeLoop() {
    return std::make_unique<DefinitionLoop>(
        store_, site_.Path("site"), [this](absl::string_view channel) { site_.Notify(channel); },
        DefinitionLoop::Options{.batch_max = 2});
  }

  void Bump() {
    site_.server().Execute("UPDATE waybill.pcm_definition SET offer_version = offer_version + 1");
  }

  static std::string PathOf(const std::string& sms_id, const std::string& domain = "SALES") {
    return absl::StrCat(kMaster, domain, ".000/", sms_id, ".ins");
  }

  absl::StatusOr<model::DefinitionFile> Read(const std::string& path) {
    const auto bytes = site_.root().ReadFile(path, 1 << 20);
    if (!bytes.ok()) {
      return bytes.status();
    }
    return model::Decode(*bytes);
  }
  model::DefinitionFile Read() { return Read(PathOf("NYC00001")).value(); }

  std::string Versions(const std::string& sms_id = "NYC00001") {
    return site_.server().QueryText(
        absl::StrCat("SELECT offer_version || '/' || written_version FROM waybill.pcm_definition "
                     "WHERE sms_id = '",
                     sms_id, "'"));
  }

  TestSite site_;
  DefinitionStore store_{site_.database(), "NYC"};
  content::Digest version_;
};

TEST_F(DefinitionLoopTest, WritesTheOffersAndThenSaysOffered) {
  AddLocation("DS2");
  site_.server().Execute(
      "UPDATE waybill.job SET comment = 'Office', expires_after = now() + interval '1 day'");
  const auto loop = MakeLoop();
  const absl::Duration next = loop->RunOnce().value();
  EXPECT_LE(next, absl::Hours(24));
  EXPECT_GT(next, absl::Hours(23));
  const model::DefinitionFile file = Read();
  EXPECT_EQ(file.sms_id, "NYC00001");
  EXPECT_EQ(file.offer_version, 1);
  ASSERT_THAT(file.offers, SizeIs(1));
  const model::Offer& offer = file.offers[0];
  EXPECT_EQ(offer.job_id, kJob);
  EXPECT_EQ(offer.package_name, "office");
  EXPECT_EQ(offer.version, version_.ToHex());
  EXPECT_THAT(offer.arguments, ElementsAre("setup", "--quiet"));
  EXPECT_EQ(offer.time_limit, absl::Hours(1));
  EXPECT_FALSE(offer.mandatory_after.has_value());
  EXPECT_TRUE(offer.expires_after.has_value());
  EXPECT_THAT(offer.locations, ElementsAre(model::OfferLocation{"DS1", "/srv/DS1"},
                                           model::OfferLocation{"DS2", "/srv/DS2"}));
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "2 ");
  EXPECT_EQ(Versions(), "1/1");
  EXPECT_THAT(site_.notified(), Contains("waybill_replicate"));
}

TEST_F(DefinitionLoopTest, OffersTheUrlWhereAWebServerShowsTheShare) {
  site_.AddServer("DS2");
  site_.AddServer("DS3");
  site_.AddServer("DS4");
  for (const char* server : {"DS2", "DS3", "DS4"}) {
    AddLocation(server);
    site_.server().Execute(
        absl::StrCat("UPDATE waybill.distribution_share SET directory = '/srv', url = 'http://",
                     server, ":8080/c' WHERE server_name = '", server, "'"));
  }
  site_.server().Execute(
      "UPDATE waybill.location SET directory = '/srv/SMS_PKGC/CEN00001/a \u20ac' WHERE server_name "
      "= 'DS2';"
      "UPDATE waybill.distribution_share SET directory = '/srv/D' WHERE server_name = 'DS3';"
      "UPDATE waybill.distribution_share SET drive = 'd' WHERE server_name = 'DS4'");
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  EXPECT_THAT(Read().offers.at(0).locations,
              ElementsAre(model::OfferLocation{"DS1", "/srv/DS1"},
                          model::OfferLocation{"DS2", "/srv/SMS_PKGC/CEN00001/a \u20ac",
                                               "http://DS2:8080/c/SMS_PKGC/CEN00001/a%20%E2%82%AC"},
                          model::OfferLocation{"DS3", "/srv/DS3"},    // The share was moved.
                          model::OfferLocation{"DS4", "/srv/DS4"}));  // Another drive's.
}

TEST_F(DefinitionLoopTest, WritesOnlyWhatChangedAndInBatches) {
  for (int i = 2; i <= 6; ++i) {
    AddTargetOf(absl::StrCat("NYC0000", i), i % 2 == 0 ? "SALES" : "LABS");
  }
  const auto loop = MakeLoop();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(site_.Count("job_target WHERE state = 2"), "6");
  EXPECT_THAT(Read(PathOf("NYC00005", "LABS")), IsOk());
  const auto before = site_.root().Stat(PathOf("NYC00002"))->inode;
  site_.server().Execute(
      "UPDATE waybill.pcm_definition SET offer_version = 2 WHERE sms_id = 'NYC00004'");
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(site_.root().Stat(PathOf("NYC00002"))->inode, before);
  EXPECT_EQ(Read(PathOf("NYC00004"))->offer_version, 2);
}

TEST_F(DefinitionLoopTest, OffersNothingThatStandsNowhereOrIsCancelledOrOver) {
  const auto loop = MakeLoop();
  site_.server().Execute("DELETE FROM waybill.location");
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_THAT(Read().offers, IsEmpty());
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "1 ");
  AddLocation("DS1");
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  Bump();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_THAT(Read().offers, IsEmpty());
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 0");
  site_.server().Execute("UPDATE waybill.job_target SET state = 5");
  Bump();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_THAT(Read().offers, IsEmpty());
  EXPECT_EQ(Read().offer_version, 3);
}

TEST_F(DefinitionLoopTest, ExpiresWhatNobodyTookButNotWhatRuns) {
  AddTargetOf("NYC00002", "SALES");
  const auto loop = MakeLoop();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  site_.server().Execute("UPDATE waybill.job_target SET state = 4 WHERE sms_id = 'NYC00002'");
  site_.server().Execute("UPDATE waybill.job SET expires_after = now()");
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "8 ");
  EXPECT_THAT(Read().offers, IsEmpty());
  EXPECT_EQ(Versions(), "2/2");
  EXPECT_EQ(site_.TargetState(kJob, "NYC00002"), "4 ");
  EXPECT_THAT(Read(PathOf("NYC00002"))->offers, SizeIs(1));
  EXPECT_THAT(site_.notified(), Contains("waybill_job"));
}

// The deadline ends sending and distributing; offers that were made stand until they expire.
TEST_F(DefinitionLoopTest, OffersOfAJobThatFailedAtItsDeadlineStandUntilTheyExpire) {
  site_.server().Execute(
      "UPDATE waybill.job SET state = 5, deadline = now() - interval '1 h', finish_time = now(),"
      " expires_after = now() + interval '1 day'");
  const auto loop = MakeLoop();
  EXPECT_LT(*loop->RunOnce(), absl::Hours(25)) << "it looks again when they expire";
  EXPECT_THAT(Read().offers, SizeIs(1));
  site_.server().Execute("UPDATE waybill.job SET expires_after = now()");
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "8 ");
  EXPECT_THAT(Read().offers, IsEmpty());
}

TEST_F(DefinitionLoopTest, NeverReplacesAFileByAnOlderOne) {
  const auto loop = MakeLoop();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  const std::string newer =
      model::Encode({.sms_id = "NYC00001", .offer_version = 9, .offers = {}}).value();
  ASSERT_THAT(site_.root().WriteFile(PathOf("NYC00001"), newer), IsOk());
  Bump();  // To 2: the database came back from a backup.
  site_.server().Execute("UPDATE waybill.job_target SET state = 1");
  EXPECT_EQ(*loop->RunOnce(), absl::ZeroDuration());
  EXPECT_EQ(Read().offer_version, 9);
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "1 ");
  ASSERT_THAT(loop->RunOnce(), IsOk());
  EXPECT_EQ(Read().offer_version, 10);  // Overtaken.
  EXPECT_THAT(Read().offers, SizeIs(1));
  EXPECT_EQ(Versions(), "10/10");
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "2 ");
}

TEST_F(DefinitionLoopTest, WritesAnewAtTheStartWhatIsMissingOrBroken) {
  AddTargetOf("NYC00002", "SALES");
  AddTargetOf("NYC00003", "SALES");
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  ASSERT_THAT(site_.root().Remove(PathOf("NYC00001")), IsOk());
  ASSERT_THAT(site_.root().WriteFile(PathOf("NYC00002"), "WAYBILL-PCM 1 torn"), IsOk());
  const auto untouched = site_.root().Stat(PathOf("NYC00003"))->inode;
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  EXPECT_THAT(Read().offers, SizeIs(1));
  EXPECT_THAT(Read(PathOf("NYC00002"))->offers, SizeIs(1));
  EXPECT_EQ(site_.root().Stat(PathOf("NYC00003"))->inode, untouched);
}

TEST_F(DefinitionLoopTest, FinishesAfterADeathBetweenFileAndRow) {
  const auto loop = MakeLoop();
  ASSERT_THAT(loop->RunOnce(), IsOk());
  site_.server().Execute("UPDATE waybill.pcm_definition SET written_version = 0");
  site_.server().Execute("UPDATE waybill.job_target SET state = 1");
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  EXPECT_EQ(Versions(), "1/1");
  EXPECT_EQ(site_.TargetState(kJob, "NYC00001"), "2 ");
}

TEST_F(DefinitionLoopTest, LeavesOutRowsThatAreNoFileNamesAndGoesOn) {
  AddTargetOf("NYC00002", "SALES");
  AddTargetOf("NYC00003", "SALES");
  site_.server().Execute(
      "UPDATE waybill.pcm_definition SET domain = '../..' WHERE sms_id = 'NYC00001'");
  site_.server().Execute(
      "INSERT INTO waybill.pcm_definition (sms_id, domain) VALUES "
      "('../NYC00009', 'SALES')");
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  EXPECT_THAT(Read(PathOf("NYC00002")), IsOk());
  EXPECT_THAT(Read(PathOf("NYC00003")), IsOk());
  EXPECT_EQ(Versions(), "1/0");
  EXPECT_FALSE(*site_.root().Exists(absl::StrCat(kMaster, "NYC00009.ins")));
}

TEST_F(DefinitionLoopTest, WaitsWhileAnotherDespoolerWrites) {
  ASSERT_THAT(MakeLoop()->RunOnce(), IsOk());
  auto lock = site_.root().OpenReadWrite(absl::StrCat(kMaster, ".writer.lock")).value();
  ASSERT_THAT(lock.TryLock(), IsOk());
  Bump();
  EXPECT_EQ(*MakeLoop()->RunOnce(), absl::Seconds(1));
  EXPECT_EQ(Versions(), "2/1");
}

}  // namespace
}  // namespace waybill::despooler
