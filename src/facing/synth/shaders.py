"""Shader texts of the renderer (OpenGL 3.3 core)."""

_BONES = """
uniform mat4 bones[3];
in vec3 position; in vec2 share;
mat4 bone() { return bones[0] * (1.0 - share.x - share.y) + bones[2] * share.x + bones[1] * share.y; }
"""

SHADOW_VERTEX = (
    "#version 330\n"
    + _BONES
    + """
uniform mat4 light_view;
void main() { gl_Position = light_view * (bone() * vec4(position, 1.0)); }
"""
)

SHADOW_FRAGMENT = "#version 330\nvoid main() {}\n"

VERTEX = (
    "#version 330\n"
    + _BONES
    + """
uniform mat4 projection; uniform mat4 light_view; uniform vec3 harmonics[9];
in vec3 normal; in vec2 uv; in vec4 paint;
out vec3 v_normal; out vec3 v_eye; out vec2 v_uv; out vec3 v_ambient; out vec3 v_shadow; out vec3 v_paint;
out vec3 v_mesh;
vec3 irradiance(vec3 n) {
    return harmonics[0] * 0.282095
        + 0.488603 * (harmonics[1] * n.y + harmonics[2] * n.z + harmonics[3] * n.x)
        + 1.092548 * (harmonics[4] * n.x * n.y + harmonics[5] * n.y * n.z + harmonics[7] * n.x * n.z)
        + harmonics[6] * 0.315392 * (3.0 * n.z * n.z - 1.0)
        + harmonics[8] * 0.546274 * (n.x * n.x - n.y * n.y);
}
void main() {
    mat4 m = bone();
    vec4 seen = m * vec4(position, 1.0);
    v_normal = normalize(mat3(m) * normal + vec3(0.0, 0.0, 1e-6));
    v_eye = seen.xyz;
    v_uv = vec2(uv.x, 1.0 - uv.y);
    v_ambient = max(irradiance(v_normal), vec3(0.0)) * paint.x;
    v_shadow = (light_view * seen).xyz * 0.5 + 0.5;
    v_paint = paint.yzw;
    v_mesh = position;
    gl_Position = projection * seen;
}
"""
)

_LOOK = """#version 330
uniform sampler2DShadow shadow_map;
uniform int pass_kind;       // 0 solid, 1 solid part of a cut-out, 2 soft rest of a cut-out, 3 glass
uniform vec3 tint; uniform float opacity; uniform float gloss; uniform bool two_sided;
uniform vec3 key_direction; uniform vec3 key_colour; uniform float exposure; uniform bool infrared;
in vec3 v_normal; in vec3 v_eye; in vec2 v_uv; in vec3 v_ambient; in vec3 v_shadow; in vec3 v_paint;
in vec3 v_mesh; out vec4 colour;
float hash(vec3 p) { return fract(sin(dot(p, vec3(12.9898, 78.233, 37.719))) * 43758.5453); }
float hash1(float x) { return fract(sin(x * 91.3458) * 47453.5453); }
// The sRGB curve without powers, which are the dearest instructions of a software rasteriser; within 0.01.
vec3 linear(vec3 c) { return c * (c * (c * 0.305306 + 0.682171) + 0.012523); }
float lit_at(vec3 p) {
    return 0.5 * (texture(shadow_map, p + vec3(0.0018, 0.0008, -0.004))
        + texture(shadow_map, p + vec3(-0.0018, -0.0008, -0.004)));
}
// Written as a square root; the renderer turns it into the display curve after the reduction.
void show(vec3 radiance, float alpha) {
    vec3 seen = sqrt(vec3(1.0) - exp(-exposure * radiance));
    if (infrared) seen = vec3(dot(seen, vec3(0.3, 0.5, 0.2)));
    colour = vec4(seen * alpha, alpha);
}
"""

_LIGHT = """
void lighten(vec3 albedo, float alpha, float shine, vec3 soft, vec3 glow) {
    vec3 n = normalize(v_normal);
    vec3 view = normalize(-v_eye);
    if (two_sided && dot(n, view) < 0.0) n = -n;
    float facing = dot(n, key_direction);
    float lit = lit_at(vec3(v_shadow));
    vec3 diffuse = max((vec3(facing) + soft) / (1.0 + soft), vec3(0.0)) * lit;
    float power = mix(12.0, 90.0, gloss);
    float spark = pow(max(dot(n, normalize(view + key_direction)), 0.0), power) * (power + 8.0) / 25.0;
    float rim = 1.0 - max(dot(n, view), 0.0);
    rim *= rim * shine;
    vec3 radiance = albedo * (v_ambient + key_colour * diffuse) + (spark * shine * 0.05 * lit) * key_colour;
    show(radiance + rim * rim * 0.1 * v_ambient + glow, alpha);
}
"""

_WOVEN = """
uniform vec3 second; uniform vec3 pattern;  // stripes per dm across and down, their share
vec3 woven() {
    vec2 stripe = step(fract(v_mesh.xy * pattern.xy), vec2(pattern.z)) * sign(pattern.xy);
    return mix(tint, second, dot(stripe, vec2(pattern.x * pattern.y > 0.0 ? 0.5 : 1.0)));
}
"""

_PLAIN = """
uniform float folds;  // depth of the folds of cloth, 0 has none
void main() {
    vec3 albedo = woven();
    float crease = sin(v_mesh.y * 7.0 + 2.0 * sin(v_mesh.x * 5.0 + v_mesh.z * 2.0))
        * sin(v_mesh.x * 3.0 + v_mesh.z * 5.0 + 2.0 * sin(v_mesh.y * 3.0));
    albedo *= 1.0 - folds * (0.5 + 0.5 * crease);
    if (infrared) albedo = vec3(mix(0.2, max(albedo.r, max(albedo.g, albedo.b)), 0.7));
    lighten(albedo, pass_kind == 3 ? opacity : 1.0, gloss, vec3(0.02), vec3(0.0));
}
"""

_GLASS = """
void main() {
    // A lens mirrors a bright window with a frame cross, as seen from where it points.
    vec3 seen = reflect(normalize(v_eye), normalize(v_normal));
    vec2 at = (seen.xy - key_direction.xy * vec2(0.8, 0.4)) / vec2(0.34, 0.24);
    float pane = step(abs(at.x), 1.0) * step(abs(at.y), 1.0) * step(0.08, abs(at.x)) * gloss;
    float bounce = pow(1.0 - abs(dot(normalize(v_normal), normalize(v_eye))), 3.0);
    float mirror = clamp(0.45 * pane + 0.6 * bounce + 0.04, 0.0, 1.0);
    vec3 sky = v_ambient * (0.7 + 2.0 * pane);
    float alpha = opacity + (1.0 - opacity) * mirror;
    show(mix(tint * v_ambient * opacity, sky, mirror) / max(alpha, 0.05), alpha);
}
"""

_TEXTURED = """
uniform sampler2D picture; uniform float plain; uniform vec2 flat_to; uniform float pupil;
void main() {
    vec4 t = texture(picture, v_uv);
    float alpha = opacity * t.a;
    if (pass_kind == 1 && alpha < 0.5) discard;
    if (pass_kind == 2 && (alpha >= 0.5 || alpha < 0.03)) discard;
    vec3 own = linear(t.rgb);
    vec3 albedo = woven() * mix(own, vec3(mix(dot(own, vec3(0.3, 0.5, 0.2)), flat_to.y, flat_to.x)), plain);
    float glow = 0.0;
    if (infrared) {
        float bright = max(albedo.r, max(albedo.g, albedo.b));
        glow = pupil * step(bright, 0.02);
        albedo = vec3(mix(0.2, bright, 0.7));
    }
    lighten(albedo, pass_kind == 2 ? alpha : 1.0, gloss, vec3(0.02), glow * key_colour);
}
"""

_SKIN = """
uniform sampler2D picture; uniform sampler2D skin_head; uniform vec4 head_rect;
uniform vec4 beard; uniform vec4 scalp;
void main() {
    vec2 r = (v_uv - head_rect.xy) / head_rect.zw;
    bool in_head = all(greaterThan(r, vec2(0.0))) && all(lessThan(r, vec2(1.0)));
    vec3 albedo = tint * linear(in_head ? texture(skin_head, r).rgb : texture(picture, v_uv).rgb);
    albedo = mix(albedo, scalp.rgb, v_paint.x * scalp.a);
    float stubble = 0.55 + 0.45 * hash(floor(v_mesh * 60.0));
    albedo = mix(albedo, beard.rgb, clamp(v_paint.y * beard.a * stubble * 1.2, 0.0, 0.93));
    albedo *= 1.0 - 0.88 * v_paint.z;
    if (infrared) albedo = vec3(mix(0.55, max(albedo.r, max(albedo.g, albedo.b)), 0.35));
    // Light bleeds through skin: the edge of the shadow is softer and redder than that of cloth.
    lighten(albedo, 1.0, gloss * (1.0 - v_paint.z), vec3(0.20, 0.10, 0.06), vec3(0.0));
}
"""

# Strands exist in the shader only: a surface is cut along them. paint: locks (1) or cap (0), share of the
# front; uv of locks: strand number, root to tip; uv of the cap: share of the top, dm inside the hairline.
_HAIR = """
uniform vec4 whorl;     // x where strands part, shortest strand of a lock, z, strands per radian
uniform vec4 hairline;  // dm lost at the front and on the top, raggedness in dm, curliness
void main() {
    float along = 1.0 - v_uv.y; float keep; float strand;
    vec3 p = v_mesh * 17.0;
    vec3 q = p + 2.0 * sin(p.yzx * vec3(1.0, 1.0, 0.9));
    float curl = sin(q.x) * sin(q.y * 1.1) * sin(q.z);
    if (v_paint.x > 0.5) {
        float n = hash1(floor(v_uv.x));
        strand = n;
        float thin = hash1(floor(v_uv.x) + 0.5);  // strands taper and part at their own places
        float off = abs(fract(v_uv.x + 0.4 * sin(along * 6.0 + n * 6.0)) - 0.5);
        keep = min(mix(whorl.y, 1.0, n) - along, 0.56 - 0.55 * along * mix(along, 1.0, thin) - off);
    } else {
        float x = atan(v_mesh.x - whorl.x, v_mesh.z - whorl.z) * whorl.w + 1.5 * curl * hairline.w;
        strand = mix(hash1(floor(x)), 0.5 + 0.7 * curl, hairline.w);
        float inside = along - hairline.x * v_paint.y - hairline.y * v_uv.x;
        float facing = dot(normalize(v_normal), normalize(-v_eye));
        keep = min(inside - hairline.z * strand, facing - 0.22 * hash1(floor(x) + floor(v_mesh.y * 9.0)));
    }
    if (keep < 0.0) discard;
    vec3 albedo = tint * mix(0.55, 1.45, strand);
    if (infrared) albedo = vec3(mix(0.16, max(albedo.r, max(albedo.g, albedo.b)), 0.8));
    lighten(albedo, 1.0, gloss * (0.3 + strand), vec3(0.25), vec3(0.0));
}
"""

# One program for each kind of surface: a software rasteriser pays for both sides of every branch.
SURFACES = {
    name: _LOOK + _LIGHT + _WOVEN + main
    for name, main in (
        ("plain", _PLAIN),
        ("glass", _GLASS),
        ("textured", _TEXTURED),
        ("skin", _SKIN),
        ("hair", _HAIR),
    )
}
