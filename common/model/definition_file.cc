#include "common/model/definition_file.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/model/ids.h"
#include "common/model/share_url.h"
#include "common/status/status_macros.h"

namespace waybill::model {
namespace {

constexpr absl::string_view kMagic = "WAYBILL-PCM";
constexpr absl::string_view kFormat = "1";
constexpr absl::string_view kOfferLine = "[offer]";
constexpr std::size_t kDigestDigits = 16;
constexpr std::size_t kHeadBytesMax = 200;
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E*SZ";

std::string DigestOf(absl::string_view body) {
  return content::Sha256::Of(body).ToHex().substr(0, kDigestDigits);
}

void Line(std::string& out, absl::string_view key, absl::string_view value) {
  absl::StrAppend(&out, key, "=", absl::CHexEscape(value), "\n");
}

void TimeLine(std::string& out, absl::string_view key, absl::Time time) {
  const absl::Time cut = absl::FromUnixMicros(absl::ToUnixMicros(time));
  Line(out, key, absl::FormatTime(kTimeFormat, cut, absl::UTCTimeZone()));
}

void EncodeOffer(const Offer& offer, std::string& out) {
  absl::StrAppend(&out, kOfferLine, "\n");
  Line(out, "job_id", offer.job_id);
  Line(out, "comment", offer.comment);
  Line(out, "package_id", offer.package_id);
  Line(out, "package_name", offer.package_name);
  Line(out, "version", offer.version);
  Line(out, "plain_bytes", absl::StrCat(offer.plain_bytes));
  Line(out, "command_name", offer.command_name);
  for (const std::string& argument : offer.arguments) {
    Line(out, "argument", argument);
  }
  Line(out, "time_limit", absl::StrCat(absl::ToInt64Seconds(offer.time_limit), "s"));
  for (const std::int32_t code : offer.success_exit_codes) {
    Line(out, "success_exit_code", absl::StrCat(code));
  }
  TimeLine(out, "offer_after", offer.offer_after);
  if (offer.mandatory_after) {
    TimeLine(out, "mandatory_after", *offer.mandatory_after);
  }
  if (offer.expires_after) {
    TimeLine(out, "expires_after", *offer.expires_after);
  }
  for (const OfferLocation& location : offer.locations) {
    Line(out, "location",
         absl::StrCat(location.server_name, " ", location.url, location.url.empty() ? "" : " ",
                      location.directory));
  }
}

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("bad definition file: ", what));
}

absl::StatusOr<std::int64_t> Number(absl::string_view text) {
  std::int64_t number = 0;
  // A sign, spaces or leading zeros would give two spellings of one file.
  if (!absl::SimpleAtoi(text, &number) || absl::StrCat(number) != text) {
    return Bad("not a number");
  }
  return number;
}

absl::StatusOr<absl::Time> TimeOf(absl::string_view text) {
  absl::Time time;
  std::string why;
  if (!absl::ParseTime(kTimeFormat, std::string(text), &time, &why)) {
    return Bad("not a time in UTC");
  }
  return time;
}

// Takes the value of one line into an offer under construction.
using Setter = std::function<absl::Status(absl::string_view, Offer&)>;
struct Key {
  enum class Count { kOne, kAtMostOne, kAny };
  Count count;
  Setter set;
};

Setter Text(std::string Offer::*member) {
  return [member](absl::string_view value, Offer& offer) {
    offer.*member = std::string(value);
    return absl::OkStatus();
  };
}

Setter OptionalTime(std::optional<absl::Time> Offer::*member) {
  return [member](absl::string_view value, Offer& offer) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(offer.*member, TimeOf(value));
    return absl::OkStatus();
  };
}

absl::Status SetTimeLimit(absl::string_view value, Offer& offer) {
  if (value.empty() || value.back() != 's') {
    return Bad("time_limit is not in seconds");
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t seconds, Number(value.substr(0, value.size() - 1)));
  if (seconds < 1) {
    return Bad("time_limit is below 1s");
  }
  offer.time_limit = absl::Seconds(seconds);
  return absl::OkStatus();
}

absl::Status AddExitCode(absl::string_view value, Offer& offer) {
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t code, Number(value));
  if (code < INT32_MIN || code > INT32_MAX) {
    return Bad("exit code out of range");
  }
  offer.success_exit_codes.push_back(static_cast<std::int32_t>(code));
  return absl::OkStatus();
}

absl::Status AddLocation(absl::string_view value, Offer& offer) {
  const auto split = [](absl::string_view text) -> std::pair<absl::string_view, absl::string_view> {
    return absl::StrSplit(text, absl::MaxSplits(' ', 1));
  };
  auto [server_name, directory] = split(value);
  absl::string_view url;
  if (!absl::StartsWith(directory, "/")) {
    std::tie(url, directory) = split(directory);
    if (url.empty()) return Bad("location has a space too many");
  }
  offer.locations.push_back({std::string(server_name), std::string(directory), std::string(url)});
  return absl::OkStatus();
}

const std::map<absl::string_view, Key>& Keys() {
  using enum Key::Count;
  static const auto& keys = *new std::map<absl::string_view, Key>{
      {"job_id", {kOne, Text(&Offer::job_id)}},
      {"comment", {kOne, Text(&Offer::comment)}},
      {"package_id", {kOne, Text(&Offer::package_id)}},
      {"package_name", {kOne, Text(&Offer::package_name)}},
      {"version", {kOne, Text(&Offer::version)}},
      {"plain_bytes",
       {kOne,
        [](absl::string_view value, Offer& offer) -> absl::Status {
          WAYBILL_ASSIGN_OR_RETURN(offer.plain_bytes, Number(value));
          return offer.plain_bytes < 0 ? Bad("plain_bytes is negative") : absl::OkStatus();
        }}},
      {"command_name", {kOne, Text(&Offer::command_name)}},
      {"argument",
       {kAny,
        [](absl::string_view value, Offer& offer) {
          offer.arguments.emplace_back(value);
          return absl::OkStatus();
        }}},
      {"time_limit", {kOne, SetTimeLimit}},
      {"success_exit_code", {kAny, AddExitCode}},
      {"offer_after",
       {kOne,
        [](absl::string_view value, Offer& offer) -> absl::Status {
          WAYBILL_ASSIGN_OR_RETURN(offer.offer_after, TimeOf(value));
          return absl::OkStatus();
        }}},
      {"mandatory_after", {kAtMostOne, OptionalTime(&Offer::mandatory_after)}},
      {"expires_after", {kAtMostOne, OptionalTime(&Offer::expires_after)}},
      {"location", {kAny, AddLocation}},
  };
  return keys;
}

// One offer's lines, from behind its "[offer]".
absl::StatusOr<Offer> DecodeOffer(const std::vector<absl::string_view>& lines) {
  Offer offer;
  std::map<absl::string_view, int> seen;
  for (const absl::string_view line : lines) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    const auto key = Keys().find(parts.first);
    std::string value;
    if (key == Keys().end() || !absl::CUnescape(parts.second, &value)) {
      return Bad(absl::StrCat("line '", absl::CHexEscape(line.substr(0, 80)), "'"));
    }
    if (++seen[parts.first] > 1 && key->second.count != Key::Count::kAny) {
      return Bad(absl::StrCat(parts.first, " is given twice"));
    }
    WAYBILL_RETURN_IF_ERROR(key->second.set(value, offer));
  }
  for (const auto& [name, key] : Keys()) {
    if (key.count == Key::Count::kOne && !seen.contains(name)) {
      return Bad(absl::StrCat(name, " is missing"));
    }
  }
  return offer;
}

absl::Status CheckLocation(const OfferLocation& location) {
  WAYBILL_RETURN_IF_ERROR(CheckHostName("location", location.server_name));
  if (!absl::StartsWith(location.directory, "/")) {
    return Bad("location is not an absolute directory");
  }
  return location.url.empty() ? absl::OkStatus()
                              : CheckUrl("location", location.url, kLocationUrlBytesMax);
}

absl::Status CheckOffer(const Offer& offer) {
  WAYBILL_RETURN_IF_ERROR(CheckJobId("job_id", offer.job_id));
  WAYBILL_RETURN_IF_ERROR(CheckPackageId("package_id", offer.package_id));
  WAYBILL_RETURN_IF_ERROR(content::Digest::FromHex(offer.version).status());
  if (offer.arguments.empty() || offer.arguments.size() > kArgumentsMax) {
    return Bad(absl::StrCat("an offer has 1 to ", kArgumentsMax, " arguments"));
  }
  if (offer.locations.empty()) {
    return Bad("an offer without a location");
  }
  for (const OfferLocation& location : offer.locations) {
    WAYBILL_RETURN_IF_ERROR(CheckLocation(location));
  }
  return absl::OkStatus();
}

// The lines of each offer; `body` ends with a newline or is empty.
absl::StatusOr<std::vector<std::vector<absl::string_view>>> SplitOffers(absl::string_view body) {
  std::vector<std::vector<absl::string_view>> offers;
  if (body.empty()) {
    return offers;
  }
  if (body.back() != '\n') {
    return Bad("the last line has no end");
  }
  body.remove_suffix(1);
  for (const absl::string_view line : absl::StrSplit(body, '\n')) {
    if (line == kOfferLine) {
      offers.emplace_back();
    } else if (offers.empty()) {
      return Bad("a line before the first offer");
    } else {
      offers.back().push_back(line);
    }
  }
  if (offers.size() > kOffersMax) {
    return Bad(absl::StrCat("more than ", kOffersMax, " offers"));
  }
  return offers;
}

}  // namespace

absl::StatusOr<std::string> Encode(const DefinitionFile& definition) {
  WAYBILL_RETURN_IF_ERROR(CheckSmsId("sms_id", definition.sms_id));
  if (definition.offers.size() > kOffersMax) {
    return Bad(absl::StrCat("more than ", kOffersMax, " offers"));
  }
  std::string body;
  for (const Offer& offer : definition.offers) {
    WAYBILL_RETURN_IF_ERROR(CheckOffer(offer));
    EncodeOffer(offer, body);
  }
  std::string bytes =
      absl::StrCat(kMagic, " ", kFormat, " ", definition.sms_id, " ", definition.offer_version, " ",
                   body.size(), " ", DigestOf(body), "\n", body);
  if (bytes.size() > kDefinitionBytesMax) {
    return Bad(absl::StrCat("more than ", kDefinitionBytesMax, " bytes"));
  }
  return bytes;
}

absl::StatusOr<DefinitionHead> DecodeHead(absl::string_view bytes) {
  const std::size_t end = bytes.substr(0, kHeadBytesMax).find('\n');
  if (end == absl::string_view::npos || bytes.size() > kDefinitionBytesMax) {
    return Bad("no first line, or too long");
  }
  const std::vector<absl::string_view> words = absl::StrSplit(bytes.substr(0, end), ' ');
  if (words.size() != 6 || words[0] != kMagic || words[1] != kFormat) {
    return Bad("the first line is not that of format 1");
  }
  WAYBILL_RETURN_IF_ERROR(CheckSmsId("sms_id", words[2]));
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t offer_version, Number(words[3]));
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t body_bytes, Number(words[4]));
  const absl::string_view body = bytes.substr(end + 1);
  if (offer_version < 1 || body_bytes != static_cast<std::int64_t>(body.size()) ||
      words[5] != DigestOf(body)) {
    return Bad("length or digest do not match what follows");
  }
  return DefinitionHead{std::string(words[2]), offer_version};
}

absl::StatusOr<DefinitionFile> Decode(absl::string_view bytes) {
  WAYBILL_ASSIGN_OR_RETURN(DefinitionHead head, DecodeHead(bytes));
  DefinitionFile definition = {std::move(head.sms_id), head.offer_version, {}};
  WAYBILL_ASSIGN_OR_RETURN(const auto offers, SplitOffers(bytes.substr(bytes.find('\n') + 1)));
  for (const std::vector<absl::string_view>& lines : offers) {
    WAYBILL_ASSIGN_OR_RETURN(Offer offer, DecodeOffer(lines));
    WAYBILL_RETURN_IF_ERROR(CheckOffer(offer));
    definition.offers.push_back(std::move(offer));
  }
  return definition;
}

}  // namespace waybill::model
