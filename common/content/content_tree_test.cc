// Import, extract, copy and verify together, on real files.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/content/extract.h"
#include "common/content/import.h"
#include "common/content/limits.h"
#include "common/content/manifest_reader.h"
#include "common/content/test_content.h"
#include "common/status/status_matchers.h"

namespace waybill::content {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ContentTreeTest : public ContentTest {
 protected:
  // Files of all sizes that matter, an empty directory, links, an executable, odd names.
  void MakeTree() {
    for (const char* path : {"bin", "empty", "share/doc/deep", "a", "a/b"}) {
      ASSERT_TRUE(source.MakeDirectories(path).ok());
    }
    WriteSource("bin/tool", RandomBytes(3'000'000, 1), /*executable=*/true);
    WriteSource("bin/large", TextBytes(12'345'678, 2));
    WriteSource("share/nothing", "");
    WriteSource("share/doc/one", "1");
    WriteSource("share/doc/deep/ümlaut and space", TextBytes(200'000, 3));
    WriteSource("a-b", "sorts between a and a/b bytewise");
    WriteSource("a/b/c", RandomBytes(kChunkBytesMin, 4));
    WriteSource("zeros", std::string(5 * kChunkBytesMax + 1, '\0'));
    for (int i = 0; i < 300; ++i) {
      WriteSource(absl::StrCat("share/doc/", i), TextBytes(static_cast<size_t>(i) * 7, 100));
    }
    ASSERT_TRUE(source.MakeLink("bin/alias", "tool").ok());
    ASSERT_TRUE(source.MakeLink("share/up", "../bin/alias").ok());
    ASSERT_TRUE(source.MakeLink("dangling", "not/yet/there").ok());
    ASSERT_TRUE(
        source.SetModifiedTime("empty", absl::FromUnixNanos(1'234'567'890'123'456'789)).ok());
    ASSERT_TRUE(source.SetModifiedTime("dangling", absl::FromUnixSeconds(86'400)).ok());
  }

  Manifest GetManifest(const ImportResult& result) {
    return store->manifests().Get(result.version).value();
  }

  // Names, types, modes, times, link targets and bytes, as tar sees them.
  std::string TarDigest(absl::string_view name) const {
    const std::string list = Path("list");
    EXPECT_EQ(Shell(absl::StrCat("cd '", Path(name),
                                 "' && find . -mindepth 1 -printf '%P %y %m %T@ %l %s\\n' | "
                                 "grep -v ' d ' | LC_ALL=C sort > '",
                                 list,
                                 "' && find . -mindepth 1 -type d -printf '%P %m %T@\\n' | "
                                 "LC_ALL=C sort >> '",
                                 list,
                                 "' && find . -type f -print0 | LC_ALL=C sort -z | "
                                 "xargs -0 sha256sum >> '",
                                 list, "'")),
              0);
    return directory.Open().ReadFile("list", 1 << 24).value();
  }
};

TEST_F(ContentTreeTest, AnExtractedTreeIsTheSourceInAllThatFindAndSha256sumSee) {
  MakeTree();
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->totals.file_count, 308);
  ASSERT_THAT(ExtractTree(GetManifest(*imported), *store, output), IsOk());
  EXPECT_EQ(TarDigest("source"), TarDigest("output"));
  EXPECT_EQ(
      Shell(absl::StrCat("diff -r --no-dereference '", Path("source"), "' '", Path("output"), "'")),
      0);
  EXPECT_THAT(VerifyTree(GetManifest(*imported), output), IsOk());
}

TEST_F(ContentTreeTest, ACopiedTreeIsTheSourceToo) {
  MakeTree();
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  ASSERT_THAT(CopyTree(GetManifest(*imported), source, output), IsOk());
  EXPECT_EQ(TarDigest("source"), TarDigest("output"));
  EXPECT_THAT(VerifyTree(GetManifest(*imported), output), IsOk());
}

TEST_F(ContentTreeTest, ImportingAgainWritesNothingAndGivesTheSameVersion) {
  MakeTree();
  const absl::StatusOr<ImportResult> first = Import();
  ASSERT_THAT(first, IsOk());
  store = OpenStore();
  ImportOptions options;
  options.work.threads = 1;
  const absl::StatusOr<ImportResult> second = Import(options);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->version, first->version);
  EXPECT_EQ(second->new_chunk_bytes, 0);
  EXPECT_EQ(second->stored_bytes, first->stored_bytes);
  EXPECT_GT(first->new_chunk_bytes, first->stored_bytes);
}

TEST_F(ContentTreeTest, TheVersionDoesNotDependOnThreadsOrOnTheStore) {
  MakeTree();
  ImportOptions options;
  options.work.threads = 5;
  const absl::StatusOr<ImportResult> first = Import(options);
  ASSERT_THAT(first, IsOk());
  ASSERT_TRUE(directory.Open().RemoveTree("store").ok());
  store = OpenStore();
  options.work.threads = 1;
  const absl::StatusOr<ImportResult> second = Import(options);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->version, first->version);
}

TEST_F(ContentTreeTest, TimesMakeAnotherVersionButNotAnotherContent) {
  WriteSource("file", "bytes");
  const absl::StatusOr<ImportResult> first = Import();
  ASSERT_TRUE(source.SetModifiedTime("file", absl::FromUnixSeconds(5)).ok());
  const absl::StatusOr<ImportResult> second = Import();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_NE(second->version, first->version);
  EXPECT_EQ(second->totals.content_digest, first->totals.content_digest);
  ASSERT_EQ(chmod(Path("source/file").c_str(), 0755), 0);
  const absl::StatusOr<ImportResult> third = Import();
  ASSERT_THAT(third, IsOk());
  EXPECT_NE(third->totals.content_digest, first->totals.content_digest);
}

TEST_F(ContentTreeTest, AnInsertionIntoALargeFileAddsFewBytes) {
  std::string bytes = RandomBytes(20'000'000, 7);
  WriteSource("file", bytes);
  ASSERT_THAT(Import(), IsOk());
  bytes.insert(9'000'000, "a few more bytes");
  WriteSource("file", bytes);
  const absl::StatusOr<ImportResult> second = Import();
  ASSERT_THAT(second, IsOk());
  EXPECT_GT(second->new_chunk_bytes, 0);
  EXPECT_LE(second->new_chunk_bytes, 3 * uint64_t{kChunkBytesMax});
}

TEST_F(ContentTreeTest, ZerosBecomeOneChunk) {
  WriteSource("zeros", std::string(64 << 20, '\0'));
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->totals.unique_chunk_count, 1);
  EXPECT_EQ(imported->totals.chunk_count, (64 << 20) / kChunkBytesMax);
  EXPECT_LT(imported->new_chunk_bytes, 4096);
}

TEST_F(ContentTreeTest, AnEmptySourceIsAVersion) {
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->totals.entry_count, 0);
  EXPECT_THAT(ExtractTree(GetManifest(*imported), *store, output), IsOk());
}

TEST_F(ContentTreeTest, AllUnsafeEntriesAreListedAtOnceAndNothingIsKept) {
  WriteSource("good", "x");
  ASSERT_EQ(Shell(absl::StrCat("touch '", Path("source/new\nline"), "'")), 0);
  ASSERT_EQ(mkfifo(Path("source/fifo").c_str(), 0600), 0);
  ASSERT_TRUE(source.MakeDirectory("sub").ok());
  ASSERT_TRUE(source.MakeLink("sub/out", "../../etc/passwd").ok());
  ASSERT_TRUE(source.MakeLink("absolute", "/etc/passwd").ok());
  ASSERT_TRUE(source.MakeLink("loop1", "loop2").ok());
  ASSERT_TRUE(source.MakeLink("loop2", "loop1").ok());
  ASSERT_EQ(Shell(absl::StrCat("touch -d 1960-01-01 '", Path("source/old"), "'")), 0);
  std::vector<SkippedEntry> refused;
  ImportOptions options;
  options.refused = &refused;
  const absl::StatusOr<ImportResult> imported = Import(options);
  EXPECT_THAT(imported, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(imported.status().message()), HasSubstr("unsafe_source: 7 entries"));
  const std::vector<SkippedEntry> expected = {
      {SkipReason::kLink, "\"absolute\""},   {SkipReason::kSpecial, "\"fifo\""},
      {SkipReason::kLink, "\"loop1\""},      {SkipReason::kLink, "\"loop2\""},
      {SkipReason::kName, "\"new\\nline\""}, {SkipReason::kTime, "\"old\""},
      {SkipReason::kLink, "\"sub/out\""}};
  EXPECT_EQ(refused, expected);
  EXPECT_TRUE(store->manifests().List()->empty());
}

TEST_F(ContentTreeTest, SkipUnsafeLeavesThemOutAndTheManifestRecordsThem) {
  WriteSource("good", "x");
  ASSERT_TRUE(source.MakeLink("out", "../out").ok());
  ASSERT_EQ(Shell(absl::StrCat("mkdir -p '", Path("source/bad\tdirectory/inner"), "' && touch '",
                               Path("source/bad\tdirectory/inner/file"), "'")),
            0);
  ImportOptions options;
  options.skip_unsafe = true;
  const absl::StatusOr<ImportResult> imported = Import(options);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->totals.entry_count, 1);
  const absl::StatusOr<ManifestIndex> index = IndexManifest(GetManifest(*imported));
  ASSERT_THAT(index, IsOk());
  EXPECT_THAT(index->skipped, ElementsAre(SkippedEntry{SkipReason::kName, "\"bad\\tdirectory\""},
                                          SkippedEntry{SkipReason::kLink, "\"out\""}));
}

TEST_F(ContentTreeTest, SpecialModeBitsAreNotCarriedButReported) {
  WriteSource("tool", "x");
  ASSERT_EQ(chmod(Path("source/tool").c_str(), 04755), 0);
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(imported->special_mode_paths, ElementsAre("\"tool\""));
  ASSERT_THAT(ExtractTree(GetManifest(*imported), *store, output), IsOk());
  EXPECT_EQ(output.Stat("tool")->mode, 0755);
}

TEST_F(ContentTreeTest, AFileThatChangesWhileItIsReadFailsTheImportByName) {
  WriteSource("first", RandomBytes(64 << 20, 5));
  WriteSource("second", "before");
  bool changed = false;
  ImportOptions options;
  // Asked between steps of the reader: by its second walk `first` is in hand, `second` is not yet.
  int asked = 0;
  options.work.cancelled = [&] {
    if (++asked == 6 && !changed) {
      changed = true;
      EXPECT_EQ(truncate(Path("source/first").c_str(), 100), 0);
    }
    return false;
  };
  const absl::StatusOr<ImportResult> imported = Import(options);
  EXPECT_THAT(imported, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(imported.status().message()), HasSubstr("source_changed: \"first\""));
}

TEST_F(ContentTreeTest, ACancelledImportOrExtractionEndsWithCancelled) {
  MakeTree();
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  ImportOptions options;
  options.work.cancelled = [] { return true; };
  EXPECT_THAT(Import(options), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(ExtractTree(GetManifest(*imported), *store, output, options.work),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ContentTreeTest, ProgressEndsAtTheTotals) {
  MakeTree();
  Progress last;
  ImportOptions options;
  options.work.progress = [&](const Progress& progress) { last = progress; };
  const absl::StatusOr<ImportResult> imported = Import(options);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(last.files_done, 308);
  EXPECT_EQ(last.bytes_done, imported->totals.plain_bytes);
  last = {};
  ASSERT_THAT(ExtractTree(GetManifest(*imported), *store, output, options.work), IsOk());
  EXPECT_EQ(last.files_done, last.files_total);
  EXPECT_EQ(last.bytes_done, imported->totals.plain_bytes);
}

TEST_F(ContentTreeTest, AnImportRefusesOptionsThatMakeNoSense) {
  ImportOptions options;
  options.package_id = "cen/0001";
  EXPECT_THAT(Import(options), StatusIs(absl::StatusCode::kInvalidArgument));
  options.package_id = "CENAPP01";
  options.work.threads = 0;
  EXPECT_THAT(Import(options), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ContentTreeTest, ExtractingWithALackingChunkNamesTheFile) {
  WriteSource("dir-less", RandomBytes(100'000, 9));
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  ASSERT_THAT(store->Collect([](const Digest&) { return false; }, [] { return false; }), IsOk());
  const auto extracted = ExtractTree(GetManifest(*imported), *store, output);
  EXPECT_THAT(extracted, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(extracted.status().message()), HasSubstr("file \"dir-less\": chunk"));
}

struct Damage {
  const char* name;
  const char* command;  // In the extracted tree.
  const char* message;
};

class VerifyDamageTest : public ContentTreeTest, public testing::WithParamInterface<Damage> {};

TEST_P(VerifyDamageTest, VerifyingNamesTheDamagedPath) {
  ASSERT_TRUE(source.MakeDirectory("d").ok());
  WriteSource("d/file", RandomBytes(700'000, 11));
  WriteSource("d/tool", "#!", true);
  ASSERT_TRUE(source.MakeLink("link", "d/file").ok());
  const absl::StatusOr<ImportResult> imported = Import();
  ASSERT_THAT(imported, IsOk());
  ASSERT_THAT(ExtractTree(GetManifest(*imported), *store, output), IsOk());
  ASSERT_THAT(VerifyTree(GetManifest(*imported), output), IsOk());
  ASSERT_EQ(Shell(absl::StrCat("cd '", Path("output"), "' && ", GetParam().command)), 0);
  const absl::Status verified = VerifyTree(GetManifest(*imported), output);
  EXPECT_THAT(verified, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(verified.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Damages, VerifyDamageTest,
    testing::Values(Damage{"Byte",
                           "printf X | dd of=d/file bs=1 seek=600000 conv=notrunc 2>/dev/null",
                           "\"d/file\": other bytes"},
                    Damage{"Size", "truncate -s 1 d/file", "\"d/file\": of another size"},
                    Damage{"Gone", "rm d/file", "\"d/file\": missing"},
                    Damage{"LastGone", "rm link", "\"link\": missing"},
                    Damage{"Extra", "touch d/g", "\"d/g\": not in the manifest"},
                    Damage{"ExtraLast", "touch z", "\"z\": not in the manifest"},
                    Damage{"ExtraDirectory", "mkdir d/a", "\"d/a\": not in the manifest"},
                    Damage{"Type", "rm d/file && mkdir d/file", "\"d/file\": of another type"},
                    Damage{"Executable", "chmod +x d/file", "\"d/file\": executable"},
                    Damage{"NotExecutable", "chmod -x d/tool", "\"d/tool\": not executable"},
                    Damage{"Target", "ln -sf d/tool link", "\"link\": a link to another target"}),
    [](const auto& damage) { return std::string(damage.param.name); });

}  // namespace
}  // namespace waybill::content
