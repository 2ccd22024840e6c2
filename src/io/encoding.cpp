#include "encoding.hpp"

#include <fmt/format.h>
#include <iconv.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "dec/core/error.hpp"
#include "dec/core/text.hpp"

namespace dec::io {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view utf8 = "UTF-8";

[[noreturn]] void refuse(std::string const& origin, std::string problem, std::string remedy) {
    throw core::InvalidInput{core::Finding{origin, {}, std::move(problem), std::move(remedy)}};
}

[[noreturn]] void refuse_bytes(std::string const& origin, std::string_view bytes, std::size_t place,
                               std::string_view encoding) {
    auto const line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(place), '\n');
    refuse(origin, fmt::format("line {} (byte {}) is not {}", line, place + 1, encoding),
           "export it again as UTF-8, or declare the encoding it is in: <?xml version=\"1.0\" encoding=\"...\"?>");
}

/// An encoding that is seen from the first bytes, and how many of them only say so.
struct Mark {
    std::string_view encoding;
    std::size_t size = 0;
};

std::optional<Mark> mark_of(std::string_view bytes) {
    struct Beginning {
        std::string_view bytes;
        Mark mark;
    };
    // UTF-32 before UTF-16, which its mark begins with; without a mark the declaration's "<?" gives it away.
    static constexpr std::array beginnings{
        Beginning{"\xef\xbb\xbf"sv, {utf8, 3}},       Beginning{"\xff\xfe\0\0"sv, {"UTF-32LE", 4}},
        Beginning{"\0\0\xfe\xff"sv, {"UTF-32BE", 4}}, Beginning{"\xff\xfe"sv, {"UTF-16LE", 2}},
        Beginning{"\xfe\xff"sv, {"UTF-16BE", 2}},     Beginning{"<\0?\0"sv, {"UTF-16LE", 0}},
        Beginning{"\0<\0?"sv, {"UTF-16BE", 0}},
    };
    for (auto const& beginning : beginnings)
        if (bytes.starts_with(beginning.bytes)) return beginning.mark;
    return std::nullopt;
}

/// What the declaration says, in upper case; nothing without one.
std::string declared(std::string_view bytes) {
    static constexpr std::size_t longest = 400;
    static constexpr auto blank = " \t\r\n"sv;
    auto rest = bytes.substr(0, longest);
    auto const skip_blanks = [&rest] { rest.remove_prefix(std::min(rest.find_first_not_of(blank), rest.size())); };
    skip_blanks();
    auto const begin = "<?xml"sv;
    if (!rest.starts_with(begin) || rest.size() == begin.size() ||
        blank.find(rest[begin.size()]) == std::string_view::npos)
        return {};
    rest = rest.substr(0, rest.find('>'));
    auto const word = "encoding"sv;
    auto const at = rest.find(word);
    if (at == std::string_view::npos) return {};
    rest.remove_prefix(at + word.size());
    skip_blanks();
    if (!rest.starts_with('=')) return {};
    rest.remove_prefix(1);
    skip_blanks();
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) return {};
    auto const end = rest.find(rest.front(), 1);
    if (end == std::string_view::npos) return {};
    std::string name{rest.substr(1, end - 1)};
    auto const belongs = [](unsigned char c) {
        return std::isalnum(c) != 0 || "._:-"sv.find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!std::ranges::all_of(name, belongs)) return {};
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return name;
}

struct CloseDescriptor {
    using pointer = iconv_t;
    void operator()(iconv_t descriptor) const { iconv_close(descriptor); }
};

std::string decoded(std::string_view bytes, std::string const& encoding, std::string const& origin) {
    auto const none = reinterpret_cast<iconv_t>(-1);
    auto const opened = iconv_open(utf8.data(), encoding.c_str());
    if (opened == none)
        refuse(origin, fmt::format("is encoded as {}, which is not known here", encoding), "export it again as UTF-8");
    std::unique_ptr<iconv_t, CloseDescriptor> const descriptor{opened};
    std::string text;
    std::array<char, 1 << 16> block{};
    auto* in = const_cast<char*>(bytes.data());  // POSIX has it without const and does not write there
    std::size_t left = bytes.size();
    while (left > 0) {
        char* out = block.data();
        std::size_t room = block.size();
        auto const status = iconv(descriptor.get(), &in, &left, &out, &room);
        text.append(block.data(), block.size() - room);
        if (status == static_cast<std::size_t>(-1) && errno != E2BIG)
            refuse_bytes(origin, bytes, bytes.size() - left, encoding);
    }
    return text;
}

/// XML 1.0 has no other control characters than these.
bool is_allowed(unsigned char c) { return c >= 0x20 || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::string xml_as_utf8(std::string bytes, std::string const& origin) {
    auto const mark = mark_of(bytes);
    auto const start = bytes.find_first_not_of(" \t\r\n");
    if (!mark && start != std::string::npos && bytes[start] != '<')
        refuse(origin, "is not XML", "a CIM100 RDF/XML file is needed");
    std::string encoding{mark ? std::string{mark->encoding} : declared(bytes)};
    if (!mark && (encoding.starts_with("UTF-16") || encoding.starts_with("UTF-32") || encoding.starts_with("UCS")))
        refuse(origin, fmt::format("says that it is encoded as {}, and is not", encoding),
               "mend its first line: what the file is in, most likely UTF-8");
    if (mark) bytes.erase(0, mark->size);
    bool const is_utf8 =
        encoding.empty() || encoding == utf8 || encoding == "UTF8" || encoding == "US-ASCII" || encoding == "ASCII";
    if (!is_utf8) bytes = decoded(bytes, encoding, origin);
    if (auto const place = core::first_not_utf8(bytes)) refuse_bytes(origin, bytes, *place, utf8);
    auto const control =
        std::ranges::find_if_not(bytes, [](char c) { return is_allowed(static_cast<unsigned char>(c)); });
    if (control != bytes.end()) {
        auto const line = 1 + std::count(bytes.begin(), control, '\n');
        refuse(origin,
               fmt::format("line {} holds the control character {:#04x}, which XML does not have", line,
                           static_cast<unsigned>(*control)),
               "export the file again");
    }
    return bytes;
}

}  // namespace dec::io
