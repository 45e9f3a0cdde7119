#include "common/content/manifest.h"

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/byte_stream.h"
#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/content/manifest_reader.h"
#include "common/content/manifest_records.h"
#include "common/content/manifest_writer.h"
#include "common/status/status_matchers.h"

namespace waybill::content {
namespace {

using testing::HasSubstr;

// A file, its chunks, or another kind of entry.
struct Item {
  Entry entry;
  std::vector<Chunk> chunks;
};

Entry MakeEntry(EntryType type, const std::string& path) {
  Entry entry;
  entry.type = type;
  entry.path = path;
  entry.modified_time = absl::FromUnixNanos(1'700'000'000'000'000'001);
  return entry;
}

Item Dir(const std::string& path) {
  return {MakeEntry(EntryType::kDirectory, path), {}};
}

Item Link(const std::string& path, const std::string& target) {
  Item item{MakeEntry(EntryType::kLink, path), {}};
  item.entry.link_target = target;
  return item;
}

Item File(const std::string& path, std::vector<uint32_t> sizes) {
  Item item{MakeEntry(EntryType::kFile, path), {}};
  for (const uint32_t size : sizes) {
    item.chunks.push_back({Sha256::Of(absl::StrCat(path, item.chunks.size())), size});
    item.entry.plain_bytes += size;
  }
  return item;
}

std::string Record(uint8_t type, const std::string& body) {
  std::string record;
  AppendInteger(record, static_cast<uint32_t>(body.size()));
  AppendInteger(record, type);
  return record + body;
}

std::string Start() {
  std::string bytes(kManifestMagic);
  AppendInteger(bytes, kManifestFormat);
  return bytes + Record(kHeaderRecord, "CENAPP01");
}

// The records of an item, whether it is good or not.
std::string Encode(const Item& item) {
  std::string bytes = Record(static_cast<uint8_t>(item.entry.type), EncodeEntry(item.entry));
  std::string body;
  for (const Chunk& chunk : item.chunks) {
    AppendChunk(body, chunk);
  }
  return body.empty() ? bytes : bytes + Record(kChunksRecord, body);
}

// A manifest of these items with a trailer that is right for a good one.
std::string Assemble(const std::vector<Item>& items) {
  std::string bytes = Start();
  ManifestTotals totals;
  TreeRules rules;
  ChunkList unique;
  for (const Item& item : items) {
    bytes += Encode(item);
    (void)rules.AddEntry(item.entry);
    for (const Chunk& chunk : item.chunks) {
      (void)rules.AddChunk(chunk);
      (void)unique.Add(chunk);
    }
  }
  totals = rules.Finish().value_or(ManifestTotals());
  totals.unique_chunk_count = unique.size();
  return bytes + Record(kTrailerRecord, EncodeTotals(totals));
}

absl::StatusOr<ManifestIndex> Read(const std::string& bytes) {
  return IndexManifest(Manifest::FromString(bytes));
}

absl::StatusOr<std::string> Write(const std::vector<Item>& items) {
  StringSink sink;
  ManifestWriter writer(sink, "CENAPP01");
  for (const Item& item : items) {
    if (absl::Status added = writer.AddEntry(item.entry); !added.ok()) return added;
    for (const Chunk& chunk : item.chunks) {
      if (auto added = writer.AddChunk(chunk); !added.ok()) return added.status();
    }
  }
  if (auto finished = writer.Finish(); !finished.ok()) return finished.status();
  return sink.bytes();
}

// Reads everything and writes it again.
absl::StatusOr<std::string> Rewrite(const std::string& bytes) {
  StringSource source(bytes);
  ManifestReader reader(source);
  StringSink sink;
  std::unique_ptr<ManifestWriter> writer;
  Entry entry;
  for (;;) {
    const absl::StatusOr<bool> more = reader.Next(entry);
    if (!more.ok()) return more.status();
    if (writer == nullptr) writer = std::make_unique<ManifestWriter>(sink, reader.package_id());
    if (!*more) break;
    if (absl::Status added = writer->AddEntry(entry); !added.ok()) return added;
    for (Chunk chunk;;) {
      const absl::StatusOr<bool> more_chunks = reader.NextChunk(chunk);
      if (!more_chunks.ok()) return more_chunks.status();
      if (!*more_chunks) break;
      if (auto added = writer->AddChunk(chunk); !added.ok()) return added.status();
    }
  }
  for (const SkippedEntry& skipped : reader.skipped()) {
    if (absl::Status added = writer->AddSkipped(skipped); !added.ok()) return added;
  }
  if (auto finished = writer->Finish(); !finished.ok()) return finished.status();
  return sink.bytes();
}

std::vector<Item> GoodItems() {
  std::vector<Item> items = {
      Dir("a"),   File("a/b", {40'000, 7}), Link("a/l", "b"), File("a-b", {}), Dir("d"),
      Dir("d/e"), File("d/e/f", {1})};
  items[1].entry.executable = true;
  return items;
}

// Computed by a second implementation, in another language, from the description in the header.
TEST(Manifest, KnownEntriesHaveTheirKnownVersionAndContent) {
  const absl::StatusOr<std::string> bytes = Write(GoodItems());
  ASSERT_THAT(bytes, IsOk());
  const absl::StatusOr<ManifestIndex> index = Read(*bytes);
  ASSERT_THAT(index, IsOk());
  EXPECT_EQ(index->version.ToHex(),
            "f3763a385e27849701b6996c528495e2b8f68798b046af8bb3c5048dea347054");
  EXPECT_EQ(index->totals.content_digest.ToHex(),
            "11852d2727ffd00fc439adcd9134e15f6133817255c6a620f6cd2ce7fe2e5878");
  EXPECT_EQ(index->version, Sha256::Of(*bytes));
  EXPECT_EQ(index->package_id, "CENAPP01");
  EXPECT_EQ(index->totals.entry_count, 7);
  EXPECT_EQ(index->totals.file_count, 3);
  EXPECT_EQ(index->totals.plain_bytes, 40'008);
  EXPECT_EQ(index->chunks.size(), 3);
  EXPECT_EQ(*bytes, Assemble(GoodItems()));
}

TEST(Manifest, WhatIsReadAndWrittenAgainHasTheSameBytes) {
  std::vector<Item> items = GoodItems();
  items.push_back(File("large", std::vector<uint32_t>(3 * kChunksPerRecord + 5, kChunkBytesMin)));
  items.push_back(File("larger", std::vector<uint32_t>(2 * kChunksPerRecord, kChunkBytesMax)));
  const absl::StatusOr<std::string> bytes = Write(items);
  ASSERT_THAT(bytes, IsOk());
  EXPECT_EQ(Rewrite(*bytes).value(), *bytes);
  EXPECT_EQ(Read(*bytes)->totals.chunk_count, 5 * kChunksPerRecord + 8);
}

TEST(Manifest, LeftOutEntriesTravel) {
  StringSink sink;
  ManifestWriter writer(sink, "CENAPP01");
  ASSERT_THAT(writer.AddEntry(Dir("a").entry), IsOk());
  ASSERT_THAT(writer.AddSkipped({SkipReason::kLink, "\"x\""}), IsOk());
  EXPECT_THAT(writer.AddEntry(Dir("b").entry), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(writer.Finish(), IsOk());
  const absl::StatusOr<ManifestIndex> index = Read(sink.bytes());
  ASSERT_THAT(index, IsOk());
  EXPECT_THAT(index->skipped, testing::ElementsAre(SkippedEntry{SkipReason::kLink, "\"x\""}));
  EXPECT_EQ(Rewrite(sink.bytes()).value(), sink.bytes());
}

TEST(Manifest, ARepeatedChunkHasOneIndex) {
  std::vector<Item> items = {File("a", {5}), File("b", {6}), File("c", {5})};
  items[2].chunks = items[0].chunks;
  const absl::StatusOr<ManifestIndex> index = Read(Write(items).value());
  ASSERT_THAT(index, IsOk());
  EXPECT_EQ(index->chunks.size(), 2);
  EXPECT_EQ(index->chunks.Find(items[1].chunks[0].digest), 1);
  EXPECT_EQ(index->totals.chunk_count, 3);
}

struct BadTree {
  const char* name;
  std::vector<Item> items;
  const char* message;
};

std::string Deep(int components) {
  std::string path = "d";
  for (int i = 1; i < components; ++i) path += "/d";
  return path;
}

Item WithTime(Item item, absl::Time time) {
  item.entry.modified_time = time;
  return item;
}

Item WithSize(Item item, uint64_t plain_bytes) {
  item.entry.plain_bytes = plain_bytes;
  return item;
}

Item WithChunks(Item item, std::vector<Chunk> chunks) {
  item.chunks = std::move(chunks);
  return item;
}

std::vector<Item> Chain(int links) {
  std::vector<Item> items;
  for (int i = 0; i < links; ++i) {
    items.push_back(Link(absl::StrCat("l", i), absl::StrCat("l", i + 1)));
  }
  return items;
}

class BadTreeTest : public testing::TestWithParam<BadTree> {};

TEST_P(BadTreeTest, ReaderAndWriterRefuseIt) {
  const absl::StatusOr<ManifestIndex> read = Read(Assemble(GetParam().items));
  EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(Write(GetParam().items), StatusIs(absl::StatusCode::kInvalidArgument));
}

// The rows are those of the list of bad inputs that the product promises to refuse.
INSTANTIATE_TEST_SUITE_P(
    Trees, BadTreeTest,
    testing::Values(
        BadTree{"Row1Up", {Dir("../x")}, "bad_path"},
        BadTree{"Row1UpInside", {Dir("a"), Dir("a/../../x")}, "bad_path"},
        BadTree{"Row1UpAtEnd", {Dir("a"), Dir("a/..")}, "bad_path"},
        BadTree{"Row2Absolute", {Dir("/etc")}, "bad_path"},
        BadTree{"Row2TwoSlashes", {Dir("//x")}, "bad_path"},
        BadTree{"Row2Backslashes", {Dir("\\\\srv\\x")}, "bad_path"},
        BadTree{"Row2Drive", {Dir("C:x")}, "bad_path"}, BadTree{"Row3Empty", {Dir("")}, "bad_path"},
        BadTree{"Row3Dot", {Dir(".")}, "bad_path"},
        BadTree{"Row3DotSlash", {Dir("./a")}, "bad_path"},
        BadTree{"Row3DoubleSlash", {Dir("a"), Dir("a//b")}, "bad_path"},
        BadTree{"Row3TrailingSlash", {File("a/", {})}, "bad_path"},
        BadTree{"Row4Nul", {Dir(std::string("a\0b", 3))}, "bad_path"},
        BadTree{"Row4Newline", {Dir("a\nb")}, "bad_path"},
        BadTree{"Row5Overlong", {Dir("\xc0\xaf")}, "bad_path"},
        BadTree{"Row5Surrogate", {Dir("\xed\xa0\x80")}, "bad_path"},
        BadTree{"Row8Component", {Dir(std::string(256, 'x'))}, "bad_path"},
        BadTree{"Row8Depth", {Dir(Deep(65))}, "bad_path"},
        BadTree{"Row9Duplicate", {Dir("a"), Dir("a")}, "declared twice"},
        BadTree{"Row10FileAndDirectory", {Dir("a"), File("a", {})}, "declared twice"},
        BadTree{"Row10FileAsParent", {File("a", {}), File("a/b", {})}, "not a declared directory"},
        BadTree{"Row11NoParent", {File("a/b", {})}, "not a declared directory"},
        BadTree{"Row11LeftParent", {Dir("a"), Dir("b"), File("a/b", {})}, "out of order"},
        BadTree{"Row11Order", {Dir("b"), Dir("a")}, "out of order"},
        BadTree{"Row11BytewiseOrder", {Dir("a"), Dir("a-"), File("a/b", {})}, "out of order"},
        BadTree{"Row12Absolute", {Link("l", "/etc")}, "bad_path"},
        BadTree{"Row12Escapes", {Dir("a"), Link("a/l", "../../x")}, "leaves the tree"},
        BadTree{"Row12EscapesBehind", {Dir("a"), Link("a/l", "b/../../x")}, "bad_path"},
        BadTree{"Row13UnderLink",
                {Dir("a"), Link("l", "a"), File("l/x", {})},
                "not a declared directory"},
        BadTree{"Row14Chain", Chain(9), "loops or passes too many"},
        BadTree{"Row14Loop", {Link("a", "b"), Link("b", "a")}, "loops or passes too many"},
        BadTree{"Row14Self", {Link("a", "a")}, "loops or passes too many"},
        BadTree{"Row14LoopThroughDirectory",
                {Dir("d"), Link("d/l", "../m/x"), Link("m", "d/l")},
                "loops or passes too many"},
        BadTree{"Row14Empty", {Link("a", "")}, "empty link target"},
        BadTree{"Row14Long", {Link("a", std::string(4096, 'x'))}, "bad_path"},
        BadTree{"Row19Before1970",
                {WithTime(Dir("a"), absl::FromUnixSeconds(-1))},
                "modification time"},
        BadTree{"Row19Year9999",
                {WithTime(Dir("a"), absl::FromUnixSeconds(kModifiedSecondsMax + 1))},
                "modification time"},
        BadTree{"Row20TooFew",
                {WithSize(File("a", {kChunkBytesMin}), kChunkBytesMin + 1)},
                "chunks are not gathered"},
        BadTree{"Row20TooMany", {WithSize(File("a", {5}), 4)}, "more bytes in chunks"},
        BadTree{"Row20ShortInside", {File("a", {kChunkBytesMin - 1, 5})}, "short chunk"},
        BadTree{"Row21FileSize", {WithSize(File("a", {}), uint64_t{1} << 63)}, "over the limit"},
        BadTree{"Row27ZeroChunk", {WithChunks(File("a", {5}), {{Digest(), 0}})}, "no chunk has"},
        BadTree{"Row27LargeChunk", {File("a", {kChunkBytesMax + 1})}, "no chunk has"},
        BadTree{"Row32TwoLengths",
                {WithChunks(File("a", {5}), {{Digest(), 5}}),
                 WithChunks(File("b", {6}), {{Digest(), 6}})},
                "two lengths"}),
    [](const auto& tree) { return std::string(tree.param.name); });

TEST(ManifestLinks, AChainOfEightAndLinksThroughDirectoriesAreGood) {
  EXPECT_THAT(Read(Assemble(Chain(8))), IsOk());
  EXPECT_THAT(Read(Assemble({Dir("a"), Link("a/up", ".."), Link("m", "a/up/a/./x")})), IsOk());
}

// Raw bytes that no tree gives.
struct BadBytes {
  const char* name;
  std::function<std::string()> bytes;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

std::string EntryBody(uint64_t seconds, uint32_t nanoseconds, const std::string& rest) {
  std::string body;
  AppendInteger(body, seconds);
  AppendInteger(body, nanoseconds);
  return body + rest;
}

std::string Trailer(const std::function<void(ManifestTotals&)>& change) {
  ManifestTotals totals = Read(Assemble(GoodItems()))->totals;
  change(totals);
  const std::string good = Assemble(GoodItems());
  const std::string record = Record(kTrailerRecord, EncodeTotals(totals));
  return good.substr(0, good.size() - record.size()) + record;
}

std::string Head() {
  return Start() + Encode(Dir("a"));
}

class BadBytesTest : public testing::TestWithParam<BadBytes> {};

TEST_P(BadBytesTest, TheReaderRefusesThem) {
  EXPECT_THAT(Read(GetParam().bytes()), StatusIs(GetParam().code));
}

INSTANTIATE_TEST_SUITE_P(
    Bytes, BadBytesTest,
    testing::Values(
        BadBytes{"Nothing", [] { return ""; }, absl::StatusCode::kDataLoss},
        BadBytes{"Magic", [] { return "XBMANIF\n" + Start().substr(8); }},
        BadBytes{"Format", [] { return Start().replace(8, 1, "\2"); },
                 absl::StatusCode::kUnimplemented},
        BadBytes{"NoHeader", [] { return Start().substr(0, 12) + Encode(Dir("a")); }},
        BadBytes{"TwoHeaders", [] { return Start() + Record(kHeaderRecord, "CENAPP01"); }},
        BadBytes{"PackageId", [] { return Start().substr(0, 12) + Record(1, "CEN/../1"); }},
        BadBytes{"Row15UnknownType", [] { return Head() + Record(8, "hard link"); }},
        BadBytes{"Row16TypeZero", [] { return Head() + Record(0, ""); }},
        BadBytes{"Row17ModeBits",
                 [] {
                   return Head() +
                          Record(3,
                                 EntryBody(1, 1, std::string("\2") + std::string(8, '\0') + "f"));
                 }},
        BadBytes{"Row18MoreFields",
                 [] { return Head() + Record(2, EntryBody(1, 1, std::string("b\0uid", 5))); }},
        BadBytes{"Row19Negative", [] { return Head() + Record(2, EntryBody(UINT64_MAX, 0, "b")); }},
        BadBytes{"Row19Year9999",
                 [] { return Head() + Record(2, EntryBody(kModifiedSecondsMax + 1, 0, "b")); }},
        BadBytes{"Row19Nanoseconds",
                 [] { return Head() + Record(2, EntryBody(1, 1'000'000'000, "b")); }},
        BadBytes{"ShortEntry", [] { return Head() + Record(2, "short"); }},
        BadBytes{"LinkPathLength", [] { return Head() + Record(4, EntryBody(1, 1, "\xff\xff")); }},
        BadBytes{"Row20ChunksOfNobody", [] { return Head() + Record(5, std::string(36, 'x')); }},
        BadBytes{"Row20HalfAChunk",
                 [] {
                   return Start() + Encode(WithSize(File("a", {}), 9)) +
                          Record(5, std::string(35, 'x'));
                 }},
        BadBytes{"EmptyChunks",
                 [] { return Start() + Encode(WithSize(File("a", {}), 9)) + Record(5, ""); }},
        BadBytes{"Row22RecordLength",
                 [] {
                   std::string bytes = Head();
                   AppendInteger(bytes, kManifestRecordBytesMax + 1);
                   return bytes + "\2";
                 }},
        BadBytes{"Row44LengthOf4GB",
                 [] {
                   std::string bytes = Head();
                   AppendInteger(bytes, UINT32_MAX);
                   return bytes + "\2";
                 }},
        BadBytes{"Row42ChunksInTwoRecords",
                 [] {
                   Item first = File("a", {kChunkBytesMin, kChunkBytesMin});
                   const Chunk last = first.chunks[1];
                   first.chunks.pop_back();
                   std::string body;
                   AppendChunk(body, last);
                   return Start() + Encode(first) + Record(5, body);
                 }},
        BadBytes{"Row42BytesBehind", [] { return Assemble(GoodItems()) + "x"; }},
        BadBytes{"Row42TwoTrailers",
                 [] { return Assemble(GoodItems()) + Record(7, std::string(80, '\0')); }},
        BadBytes{"SkippedReason", [] { return Head() + Record(6, "\5\"x\""); }},
        BadBytes{"SkippedText", [] { return Head() + Record(6, "\1x\ny"); }},
        BadBytes{"SkippedBeforeEntry",
                 [] { return Head() + Record(6, "\1\"x\"") + Encode(Dir("b")); }},
        BadBytes{"TrailerLength", [] { return Head() + Record(7, std::string(79, '\0')); }},
        BadBytes{"Entries", [] { return Trailer([](auto& totals) { ++totals.entry_count; }); }},
        BadBytes{"Files", [] { return Trailer([](auto& totals) { --totals.file_count; }); }},
        BadBytes{"Plain", [] { return Trailer([](auto& totals) { ++totals.plain_bytes; }); }},
        BadBytes{"Chunks", [] { return Trailer([](auto& totals) { ++totals.chunk_count; }); }},
        BadBytes{"Unique",
                 [] { return Trailer([](auto& totals) { ++totals.unique_chunk_count; }); }},
        BadBytes{"Skipped", [] { return Trailer([](auto& totals) { ++totals.skipped_count; }); }},
        BadBytes{"Content",
                 [] { return Trailer([](auto& totals) { totals.content_digest = Digest(); }); }}),
    [](const auto& bytes) { return std::string(bytes.param.name); });

TEST(ManifestReader, AManifestThatEndsAnywhereIsDataLoss) {
  const std::string bytes = Assemble(GoodItems());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(Read(bytes.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
}

TEST(ManifestReader, EndlessEntriesAreRefusedAtTheLimitInBoundedMemory) {
  // Directories d0000000, d0000001, ... for as long as somebody reads.
  class Endless final : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(absl::Span<char> buffer) override {
      if (rest_.empty()) rest_ = Encode(Dir(absl::StrCat("d", 10'000'000 + next_++)));
      const size_t size = std::min(buffer.size(), rest_.size());
      rest_.copy(buffer.data(), size);
      rest_.erase(0, size);
      return size;
    }

   private:
    std::string rest_ = Start();
    uint64_t next_ = 0;
  } endless;
  ManifestReader reader(endless);
  Entry entry;
  absl::StatusOr<bool> more = true;
  uint64_t entries = 0;
  while (more.ok() && *more) {
    more = reader.Next(entry);
    ++entries;
  }
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(entries, kEntriesMax + 1);
  EXPECT_EQ(reader.Next(entry).status(), more.status());
}

// Whatever a mutation gives, it is refused or it is the one spelling of what it says.
TEST(ManifestReader, MutatedManifestsAreRefusedOrRoundTrip) {
  const std::string good = Assemble(GoodItems());
  std::mt19937 random(20'261'124);
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = good;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
          break;
      }
      if (bytes.empty()) break;
    }
    if (!Read(bytes).ok()) continue;
    ++accepted;
    ASSERT_EQ(Rewrite(bytes).value(), bytes) << i;
  }
  EXPECT_GT(accepted, 0);  // Times and the package id are nobody's but the version's.
}

TEST(ComparePaths, ASlashSortsBeforeAllOtherBytes) {
  EXPECT_LT(ComparePaths("a", "a/b"), 0);
  EXPECT_LT(ComparePaths("a/b", "a-b"), 0);
  EXPECT_LT(ComparePaths("a-b", "a\xc3\xbc"), 0);
  EXPECT_EQ(ComparePaths("a/b", "a/b"), 0);
  EXPECT_GT(ComparePaths("b", "a/b"), 0);
}

}  // namespace
}  // namespace waybill::content
