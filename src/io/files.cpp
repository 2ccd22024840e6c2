#include "files.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>

#include "dec/core/error.hpp"
#include "dec/core/output_file.hpp"

namespace dec::io {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

constexpr int gzip_window_bits = 15 + 16;  // zlib: the largest window, in gzip framing

[[noreturn]] void fail(std::string const& path, std::string_view what, std::string_view remedy) {
    throw core::SystemFailure{{path, {}, fmt::format("{}: {}", what, std::strerror(errno)), std::string{remedy}}};
}

[[noreturn]] void refuse(std::string const& path, std::string problem, std::string remedy) {
    throw core::InvalidInput{core::Finding{path, {}, std::move(problem), std::move(remedy)}};
}

std::string read_bytes(std::string const& path) {
    File const file{std::fopen(path.c_str(), "rb")};
    if (!file) fail(path, "cannot be read", "check its permissions");
    std::string bytes;
    std::error_code unknown_size;
    auto const size = std::filesystem::file_size(path, unknown_size);  // unknown for a pipe
    if (!unknown_size) bytes.reserve(static_cast<std::size_t>(size));
    std::array<char, 1 << 16> block{};
    for (std::size_t count = 0; (count = std::fread(block.data(), 1, block.size(), file.get())) > 0;)
        bytes.append(block.data(), count);
    if (std::ferror(file.get()) != 0) fail(path, "cannot be read", "check the disk");
    return bytes;
}

Bytef* as_bytes(char const* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

/// zlib counts in unsigned int: hands out the next part of a long input.
uInt next_part(std::size_t remaining) {
    return static_cast<uInt>(std::min<std::size_t>(remaining, std::numeric_limits<uInt>::max()));
}

/// All members of a gzip file, one after the other.
std::string unpack(std::string const& path, std::string const& packed) {
    z_stream stream{};
    if (inflateInit2(&stream, gzip_window_bits) != Z_OK) throw std::bad_alloc{};
    std::unique_ptr<z_stream, decltype(&inflateEnd)> const guard{&stream, &inflateEnd};
    std::string text;
    std::array<char, 1 << 18> block{};
    std::size_t taken = 0;
    int status = Z_OK;
    while (true) {
        stream.next_in = as_bytes(packed.data() + taken);
        stream.avail_in = next_part(packed.size() - taken);
        auto const offered = stream.avail_in;
        stream.next_out = as_bytes(block.data());
        stream.avail_out = static_cast<uInt>(block.size());
        status = inflate(&stream, Z_NO_FLUSH);
        taken += offered - stream.avail_in;
        text.append(block.data(), block.size() - stream.avail_out);
        if (status == Z_STREAM_END) {
            if (taken == packed.size()) return text;
            inflateReset(&stream);
        } else if (status != Z_OK) {
            break;
        }
    }
    if (status == Z_BUF_ERROR)
        refuse(path, fmt::format("the gzip data end too early, after {} bytes", packed.size()),
               "the file is truncated: copy or download it again");
    refuse(path, fmt::format("the gzip data are damaged near byte {}", taken), "copy or download the file again");
}

std::string pack(std::string_view text) {
    z_stream stream{};
    // deflate writes no file name and no time into the header: the same text gives the same bytes
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc{};
    std::unique_ptr<z_stream, decltype(&deflateEnd)> const guard{&stream, &deflateEnd};
    std::string packed;
    std::array<char, 1 << 18> block{};
    std::size_t taken = 0;
    for (int status = Z_OK; status != Z_STREAM_END;) {
        stream.next_in = as_bytes(text.data() + taken);
        stream.avail_in = next_part(text.size() - taken);
        auto const offered = stream.avail_in;
        stream.next_out = as_bytes(block.data());
        stream.avail_out = static_cast<uInt>(block.size());
        status = deflate(&stream, taken + offered == text.size() ? Z_FINISH : Z_NO_FLUSH);
        taken += offered - stream.avail_in;
        packed.append(block.data(), block.size() - stream.avail_out);
    }
    return packed;
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

}  // namespace

bool has_ending(std::string_view path, std::string_view ending) {
    if (path.size() < ending.size()) return false;
    return std::ranges::equal(path.substr(path.size() - ending.size()), ending,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

bool is_html(std::string_view text) {
    static constexpr std::size_t beginning = 1024;
    std::string start{text.substr(0, beginning)};
    std::ranges::transform(start, start.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return start.find("<!doctype html") != std::string::npos || start.find("<html") != std::string::npos;
}

void require_file(std::string const& path) {
    if (path.empty()) refuse("\"\"", "is the name of no file", "give the path of a file");
    std::error_code error;
    auto const status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
        if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
            throw core::SystemFailure{{path, {}, "cannot be read: " + error.message(), "check its permissions"}};
        refuse(path, "there is no such file", "check the path");
    }
    if (std::filesystem::is_directory(status)) refuse(path, "is a directory, not a file", "name a file in it");
}

std::string read_text_file(std::string const& path) {
    require_file(path);
    auto bytes = read_bytes(path);
    if (bytes.empty()) refuse(path, "is empty", "it may be the rest of an interrupted copy: make it again");
    if (is_gzip(bytes)) bytes = unpack(path, bytes);
    else if (has_ending(path, ".gz"))
        refuse(path, "ends in .gz but is not gzip data", "compress it with gzip, or take .gz off its name");
    if (bytes.empty()) refuse(path, "is empty once unpacked", "make it again");
    return bytes;
}

void write_text_file(std::string const& path, std::string_view text) {
    if (has_ending(path, ".gz")) core::write_file(path, pack(text));
    else core::write_file(path, text);
}

}  // namespace dec::io
