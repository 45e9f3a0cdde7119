#include "common/model/definition_file.h"

#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Offer SampleOffer() {
  return {.job_id = "CEN00042",
          .comment = "Line one\nline two \xe2\x82\xac [offer]",
          .package_id = "CEN00001",
          .package_name = "office",
          .version = std::string(64, 'a'),
          .plain_bytes = 12345,
          .command_name = "install",
          .arguments = {"bin/setup", "", "a=b", "sp ace", "quote\"\\"},
          .time_limit = absl::Seconds(90),
          .success_exit_codes = {0, 3010, -1},
          .offer_after = absl::FromUnixMicros(1700000000123456),
          .mandatory_after = absl::FromUnixSeconds(1700000060),
          .expires_after = std::nullopt,
          .locations = {{"DS1", "/srv/a b/SMS_PKGC/CEN00001/aaaaaaaaaaaaaaaa"},
                        {"DS2", "/srv/ds2 http://x", "http://ds2.nyc:8080/c/%E2%82%AC"}}};
}

DefinitionFile Sample() {
  return {"NYC00017", 42, {SampleOffer(), SampleOffer()}};
}

// A file with this body and a first line that fits it.
std::string Sealed(const std::string& body) {
  return absl::StrCat("WAYBILL-PCM 1 NYC00017 42 ", body.size(), " ",
                      content::Sha256::Of(body).ToHex().substr(0, 16), "\n", body);
}

std::string BodyOf(const std::string& bytes) {
  return bytes.substr(bytes.find('\n') + 1);
}

TEST(DefinitionFile, ComesBackAsItWasWritten) {
  const std::string bytes = *Encode(Sample());
  EXPECT_EQ(*Decode(bytes), Sample());
  EXPECT_EQ(*Encode(*Decode(bytes)), bytes);
  EXPECT_EQ(DecodeHead(bytes)->offer_version, 42);
}

TEST(DefinitionFile, ShowsTheUrlOfALocationBeforeItsDirectory) {
  EXPECT_THAT(
      *Encode(Sample()),
      AllOf(HasSubstr("\nlocation=DS1 /srv/a b/SMS_PKGC/CEN00001/aaaaaaaaaaaaaaaa\n"),
            HasSubstr("\nlocation=DS2 http://ds2.nyc:8080/c/%E2%82%AC /srv/ds2 http://x\n")));
}

TEST(DefinitionFile, MayHoldNoOffer) {
  const DefinitionFile empty = {"NYC00017", 1, {}};
  EXPECT_EQ(*Decode(*Encode(empty)), empty);
}

TEST(DefinitionFile, RefusesAFileThatWasCutOrChangedAnywhere) {
  const std::string bytes = *Encode(Sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_THAT(Decode(bytes.substr(0, i)), StatusIs(absl::StatusCode::kInvalidArgument)) << i;
  }
  for (std::size_t i = bytes.find('\n'); i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(Decode(changed), StatusIs(absl::StatusCode::kInvalidArgument)) << i;
  }
}

TEST(DefinitionFile, RefusesUnknownMissingAndRepeatedKeys) {
  const std::string body = BodyOf(*Encode({"NYC00017", 42, {SampleOffer()}}));
  const std::string bad[] = {
      body + "run_as=root\n",
      body + "version=" + std::string(64, 'b') + "\n",
      absl::StrReplaceAll(body, {{"command_name=install\n", ""}}),
      absl::StrReplaceAll(body, {{"time_limit=90s", "time_limit=0s"}}),
      absl::StrReplaceAll(body, {{"plain_bytes=12345", "plain_bytes=-1"}}),
      absl::StrReplaceAll(body, {{"plain_bytes=12345", "plain_bytes=+12345"}}),
      absl::StrReplaceAll(body, {{"CEN00042", "CEN42"}}),
      absl::StrReplaceAll(body, {{"location=DS1 /", "location=DS1 "}}),
      absl::StrReplaceAll(body, {{"location=DS1 /", "location=DS1  /"}}),
      absl::StrReplaceAll(body, {{"location=DS1 /", "location=/"}}),
      absl::StrReplaceAll(body, {{"location=DS2 http://", "location=DS2 ftp://"}}),
      absl::StrReplaceAll(body, {{"location=DS2 http://", "location=DS2 http://me:secret@"}}),
      absl::StrReplaceAll(body, {{"http://ds2.nyc:8080/c/%E2%82%AC ", "http://ds2.nyc:8080/c/ "}}),
      absl::StrReplaceAll(body, {{"/c/%E2%82%AC ", "/c?d "}}),
      absl::StrReplaceAll(body, {{"/c/%E2%82%AC ", "/c/%E2%82%AC"}}),
      absl::StrReplaceAll(body, {{"/c/%E2%82%AC ", "/c/%E2%82%AC  "}}),
      absl::StrReplaceAll(body, {{"/c/%E2%82%AC ", "/" + std::string(600, 'c') + " "}}),
      absl::StrReplaceAll(body, {{"package_name=office", "package_name=\\q"}}),
      "job_id=CEN00042\n" + body,
      body + "no equals sign\n",
      body.substr(0, body.size() - 1),
  };
  ASSERT_THAT(Decode(Sealed(body)), IsOk());
  for (const std::string& wrong : bad) {
    EXPECT_THAT(Decode(Sealed(wrong)), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  }
}

TEST(DefinitionFile, NeverCrashesOnChangedBytes) {
  std::mt19937 random(7);  // A fixed seed: a failure is repeatable.
  const std::string body = BodyOf(*Encode(Sample()));
  for (int round = 0; round < 20000; ++round) {
    std::string changed = body;
    changed[random() % changed.size()] = static_cast<char>(random());
    const absl::StatusOr<DefinitionFile> decoded = Decode(Sealed(changed));
    if (decoded.ok()) {
      EXPECT_THAT(Encode(*decoded), IsOk());
    }
  }
}

TEST(DefinitionFile, DoesNotWriteWhatItWouldRefuseToRead) {
  DefinitionFile definition = Sample();
  definition.offers[0].arguments.clear();
  EXPECT_THAT(Encode(definition), StatusIs(absl::StatusCode::kInvalidArgument));
  definition = Sample();
  definition.offers[1].locations.clear();
  EXPECT_THAT(Encode(definition), StatusIs(absl::StatusCode::kInvalidArgument));
  for (const OfferLocation& wrong :
       {OfferLocation{"DS1", "srv/ds1"}, OfferLocation{"DS 1", "/srv"},
        OfferLocation{"DS1", "/srv", "http://ds1/"}, OfferLocation{"DS1", "/srv", "/srv"}}) {
    definition = Sample();
    definition.offers[1].locations.push_back(wrong);
    EXPECT_THAT(Encode(definition), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  definition = Sample();
  definition.offers.resize(kOffersMax + 1, SampleOffer());
  EXPECT_THAT(Encode(definition), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace waybill::model
