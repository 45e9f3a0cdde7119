#include "services/scheduler/import_files.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/content/chunk_store.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kLease = absl::Seconds(15);

// A registry with package BOS00001, whose source holds two files.
class ImporterTest : public testing::Test, public Registry {
 protected:
  ImporterTest()
      : store(content::ChunkStore::Open(store_directory.Open()).value()),
        source(sources.Open().MakeDirectories("office").value()),
        importer(packages, *store,
                 {.source_directories = {sources.path()}, .lease_duration = kLease}) {
    Write("a.txt", "one");
    EXPECT_TRUE(source.MakeDirectory("sub").ok());
    Write("sub/b.txt", "two");
    EXPECT_THAT(packages.Create("r1", MakePackage("office", sources.path() + "/office")), IsOk());
  }

  void Write(const std::string& path, const std::string& bytes) const {
    EXPECT_THAT(source.WriteFile(path, bytes), IsOk());
  }

  absl::StatusOr<ImportOutcome> Import(bool skip_unsafe = false) {
    return importer.Import(
        "BOS00001", skip_unsafe, [this](const ImportState& state) { last = state; },
        [this] { return cancelled; });
  }

  std::string VersionCount() const { return Text("SELECT count(*) FROM waybill.package_version"); }

  // Nothing is left of the import but, perhaps, its lease's row.
  void ExpectReleased() {
    EXPECT_EQ(Text("SELECT count(*) FROM waybill.pin"), "0");
    EXPECT_EQ(Text("SELECT count(*) FROM waybill.lease WHERE end_time > now()"), "0");
  }

  tree::TestDirectory store_directory;
  tree::TestDirectory sources;
  const std::unique_ptr<content::ChunkStore> store;
  const tree::Directory source;
  Importer importer;
  ImportState last;
  bool cancelled = false;
};

TEST_F(ImporterTest, TheFirstImportMakesAVersionWhoseContentStandsInTheStore) {
  const absl::StatusOr<ImportOutcome> outcome = Import();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_FALSE(outcome->unchanged);
  EXPECT_GT(outcome->new_stored_bytes, 0);
  EXPECT_EQ(outcome->version.file_count(), 2);
  EXPECT_EQ(outcome->version.entry_count(), 3);
  EXPECT_EQ(outcome->version.plain_bytes(), 6);
  const auto manifest =
      store->manifests().Get(content::Digest::FromHex(outcome->version.version()).value());
  ASSERT_THAT(manifest, IsOk());
  const auto index = content::IndexManifest(*manifest);
  ASSERT_THAT(index, IsOk());
  EXPECT_EQ(index->chunks.size(), 2U);
  EXPECT_THAT(*store->Missing(index->chunks, nullptr), ElementsAre(false, false));
  ExpectReleased();
}

TEST_F(ImporterTest, ProgressEndsWithAllFilesAndBytes) {
  ASSERT_THAT(Import(), IsOk());
  EXPECT_EQ(last.files_done, 2);
  EXPECT_EQ(last.files_total, 2);
  EXPECT_EQ(last.bytes_done, 6);
  EXPECT_EQ(last.bytes_total, 6);
}

TEST_F(ImporterTest, AnUnchangedSourceMakesNoNewVersionEvenWithOtherTimes) {
  const absl::StatusOr<ImportOutcome> first = Import();
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(source.SetModifiedTime("a.txt", absl::FromUnixSeconds(1'000'000'000)), IsOk());
  const absl::StatusOr<ImportOutcome> second = Import();
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->unchanged);
  EXPECT_EQ(second->new_stored_bytes, 0);
  EXPECT_EQ(second->version.version(), first->version.version());
  EXPECT_EQ(VersionCount(), "1");
  EXPECT_EQ(store->manifests().List()->size(), 1U);
}

TEST_F(ImporterTest, AChangeMakesTheNewestVersionAndGoingBackMakesTheFirstTheNewestAgain) {
  EXPECT_THAT(source.SetModifiedTime("a.txt", absl::FromUnixSeconds(1'000'000'000)), IsOk());
  const absl::StatusOr<ImportOutcome> first = Import();
  Write("a.txt", "other");
  const absl::StatusOr<ImportOutcome> second = Import();
  ASSERT_THAT(second, IsOk());
  EXPECT_FALSE(second->unchanged);
  EXPECT_NE(second->version.version(), first->version.version());
  Write("a.txt", "one");
  EXPECT_THAT(source.SetModifiedTime("a.txt", absl::FromUnixSeconds(1'000'000'000)), IsOk());
  const absl::StatusOr<ImportOutcome> third = Import();
  ASSERT_THAT(third, IsOk());
  EXPECT_EQ(third->version.content_digest(), first->version.content_digest());
  EXPECT_EQ(third->new_stored_bytes, 0);
  EXPECT_EQ((*packages.FindNewestVersion("BOS00001"))->content_digest(),
            first->version.content_digest());
}

TEST_F(ImporterTest, WhatCannotBeCarriedIsRefusedWithEveryPath) {
  ASSERT_EQ(mkfifo((sources.path() + "/office/pipe").c_str(), 0600), 0);
  ASSERT_THAT(source.MakeLink("out", "../../etc"), IsOk());
  const absl::Status status = Import().status();
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("BOS00001"), HasSubstr("pipe"), HasSubstr("out")));
  EXPECT_EQ(VersionCount(), "0");
  ExpectReleased();
}

TEST_F(ImporterTest, SkippingLeavesThemOutAndTheVersionSaysWhich) {
  ASSERT_EQ(mkfifo((sources.path() + "/office/pipe").c_str(), 0600), 0);
  const absl::StatusOr<ImportOutcome> outcome = Import(/*skip_unsafe=*/true);
  ASSERT_THAT(outcome, IsOk());
  EXPECT_THAT(outcome->version.skipped_paths(), ElementsAre(HasSubstr("pipe")));
  EXPECT_EQ(outcome->version.file_count(), 2);
}

TEST_F(ImporterTest, SetIdBitsAreNotCarriedAndReported) {
  ASSERT_EQ(chmod((sources.path() + "/office/a.txt").c_str(), 04755), 0);
  const absl::StatusOr<ImportOutcome> outcome = Import();
  ASSERT_THAT(outcome, IsOk());
  EXPECT_THAT(outcome->version.set_id_paths(), ElementsAre(HasSubstr("a.txt")));
}

TEST_F(ImporterTest, ACancelledImportLeavesNoVersionAndNoLease) {
  cancelled = true;
  EXPECT_THAT(Import(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(VersionCount(), "0");
  ExpectReleased();
}

TEST_F(ImporterTest, ASecondImportOfThePackageIsAborted) {
  ASSERT_THAT(packages.TakeImportLease("BOS00001", "another process", kLease), IsOk());
  EXPECT_THAT(Import(), StatusIs(StatusCode::kAborted));
  EXPECT_EQ(Text("SELECT count(*) FROM waybill.lease WHERE end_time > now()"), "1");
}

TEST_F(ImporterTest, AVersionIsNotCommittedIfAnotherProcessCollectedWhatItReliesOn) {
  ASSERT_THAT(Import(), IsOk());
  db.Execute("DELETE FROM waybill.package_version");
  Write("a.txt", "other");  // sub/b.txt is found in the pack that stands.
  const auto collector = content::ChunkStore::Open(store_directory.Open()).value();
  const auto outcome = importer.Import(
      "BOS00001", false,
      [&](const ImportState& state) {
        if (state.files_done == 2) {
          EXPECT_THAT(collector->Collect([](const content::Digest&) { return false; },
                                         [] { return false; }),
                      IsOk());
        }
      },
      [] { return false; });
  EXPECT_THAT(outcome, StatusIs(StatusCode::kAborted));
  EXPECT_EQ(VersionCount(), "0");
  EXPECT_THAT(Import(), IsOk());
}

TEST_F(ImporterTest, AnImportThatLostItsLeaseMakesNoVersion) {
  const auto outcome = importer.Import(
      "BOS00001", false,
      [this](const ImportState&) {
        db.Execute("UPDATE waybill.lease SET fence = fence + 1, holder = 'another process'");
      },
      [] { return false; });
  EXPECT_THAT(outcome, StatusIs(StatusCode::kAborted));
  EXPECT_EQ(VersionCount(), "0");
}

TEST_F(ImporterTest, AMissingSourceIsNotFound) {
  ASSERT_THAT(sources.Open().RemoveTree("office"), IsOk());
  const absl::Status status = Import().status();
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(std::string(status.message()), HasSubstr("office"));
}

TEST_F(ImporterTest, ASourceThatBecameALinkIsNotFollowed) {
  tree::TestDirectory elsewhere;
  EXPECT_THAT(elsewhere.Open().WriteFile("secret", "secret"), IsOk());
  ASSERT_THAT(sources.Open().RemoveTree("office"), IsOk());
  ASSERT_THAT(sources.Open().MakeLink("office", elsewhere.path()), IsOk());
  EXPECT_THAT(Import(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(VersionCount(), "0");
}

TEST_F(ImporterTest, ASourceBeneathNoSourceFolderIsRefused) {
  Importer none(packages, *store, {.source_directories = {"/elsewhere"}, .lease_duration = kLease});
  const auto outcome = none.Import(
      "BOS00001", false, [](const ImportState&) {}, [] { return false; });
  EXPECT_THAT(outcome, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("/elsewhere"));
}

TEST_F(ImporterTest, TheSourceMayBeASourceFolderItself) {
  Importer own(packages, *store,
               {.source_directories = {sources.path() + "/office"}, .lease_duration = kLease});
  EXPECT_THAT(own.Import(
                  "BOS00001", false, [](const ImportState&) {}, [] { return false; }),
              IsOk());
}

TEST_F(ImporterTest, APackageFromAnotherSiteHasNoSourceHere) {
  db.Execute("INSERT INTO waybill.package (package_id, name) VALUES ('CEN00001', 'far')");
  const auto far = importer.Import(
      "CEN00001", false, [](const ImportState&) {}, [] { return false; });
  EXPECT_THAT(far, StatusIs(StatusCode::kFailedPrecondition));
  const auto unknown = importer.Import(
      "BOS00009", false, [](const ImportState&) {}, [] { return false; });
  EXPECT_THAT(unknown, StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace waybill::scheduler
