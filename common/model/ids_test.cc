#include "common/model/ids.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

using Check = absl::Status (*)(absl::string_view, absl::string_view);

void ExpectEach(Check check, const std::vector<std::string>& values, absl::StatusCode code) {
  for (const std::string& value : values) {
    EXPECT_THAT(check("field", value), StatusIs(code)) << value;
  }
}

constexpr auto kOk = absl::StatusCode::kOk;
constexpr auto kBad = absl::StatusCode::kInvalidArgument;

TEST(Ids, TakesSiteCodesOfThreeUpperCaseCharacters) {
  ExpectEach(CheckSiteCode, {"CEN", "A1B", "000"}, kOk);
  ExpectEach(CheckSiteCode, {"", "CE", "CENT", "cen", "C N", "C/N", "..."}, kBad);
}

TEST(Ids, TakesPackageIdsOfEightCharacters) {
  ExpectEach(CheckPackageId, {"CEN00001", "CENABCDE"}, kOk);
  ExpectEach(CheckPackageId, {"", "CEN1", "CEN000001", "cen00001", "CEN/../x"}, kBad);
}

TEST(Ids, TakesNumberedIdsInOneSpellingOnly) {
  ExpectEach(CheckJobId, {"CEN00042", "CEN123456"}, kOk);
  ExpectEach(CheckSmsId, {"", "CEN42", "CEN000042", "CEN0004x", "CEN-0042", "CEN1234567890123"},
             kBad);
}

TEST(Ids, TakesHostNamesThatAreSafeAsFileNames) {
  ExpectEach(CheckHostName, {"nyc-ws1", "SALES", "a.b_c"}, kOk);
  ExpectEach(CheckHostName, {"", ".", "..", ".a", "-a", "a/b", "a b", "a\n", std::string(64, 'a')},
             kBad);
}

TEST(Ids, TakesDisplayNamesWithoutControlCharacters) {
  ExpectEach(CheckDisplayName, {"Default Servers", "caf\xc3\xa9"}, kOk);
  ExpectEach(CheckDisplayName, {"", " a", "a ", "a\nb", "a\x1b[31m", "\xff", std::string(64, 'a')},
             kBad);
}

TEST(Ids, BoundsFreeText) {
  EXPECT_THAT(CheckText("comment", "two\nlines", 9), IsOk());
  EXPECT_THAT(CheckText("comment", "two\nlines", 8), StatusIs(kBad));
  EXPECT_THAT(CheckText("comment", std::string("a\0b", 3), 9), StatusIs(kBad));
}

TEST(Ids, NamesTheFieldAndShowsTheValueEscaped) {
  const absl::Status status = CheckSiteCode("site_code", "\x1b]0;");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("site_code '\\x1b]0;'"));
}

TEST(Ids, MakesAndSplitsNumberedIds) {
  EXPECT_EQ(NumberedId("CEN", 42), "CEN00042");
  EXPECT_EQ(NumberedId("CEN", 123456), "CEN123456");
  EXPECT_EQ(SiteCodeOf("NYC00017"), "NYC");
}

TEST(Ids, TakesRequestIdsOfPrintableCharacters) {
  ExpectEach(CheckRequestId, {"a", "0d4f-11", std::string(63, 'x')}, kOk);
  ExpectEach(CheckRequestId, {"", "a b", "a\n", std::string(64, 'x')}, kBad);
}

}  // namespace
}  // namespace waybill::model
