// Prints what the compiled definitions of an installed OpenDJ say, as JSON.
//
// Run by the JDK as a single file, with the server's jars as its class path; it changes nothing and opens no connection.
// Facts only: confobjects.conversion makes definitions of them. Condition trees, options and the values of default objects
// have no public access, so their fields are read by reflection.

import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.TreeSet;
import org.forgerock.i18n.LocalizableMessage;
import org.forgerock.opendj.config.*;
import org.forgerock.opendj.config.conditions.Condition;
import org.forgerock.opendj.config.conditions.Conditions;
import org.forgerock.opendj.config.conditions.ContainsCondition;

public class OpenDjDefinitions {
    private static final String SERVICES = "META-INF/services/org.forgerock.opendj.config.AbstractManagedObjectDefinition";

    public static void main(String[] arguments) throws Exception {
        Locale.setDefault(Locale.ROOT);
        List<AbstractManagedObjectDefinition<?, ?>> all = load();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("version", findVersion());
        Map<String, Object> tags = new TreeMap<>();
        for (Tag tag : Tag.values()) {
            tags.put(tag.getName(), text(tag.getSynopsis()));
        }
        facts.put("tags", tags);
        List<Object> kinds = new ArrayList<>();
        for (AbstractManagedObjectDefinition<?, ?> definition : all) {
            kinds.add(describe(definition));
        }
        facts.put("kinds", kinds);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        StringBuilder json = new StringBuilder();
        write(json, facts);
        out.println(json);
        out.flush();
    }

    private static List<AbstractManagedObjectDefinition<?, ?>> load() throws Exception {
        Method initialize = AbstractManagedObjectDefinition.class.getDeclaredMethod("initialize");
        initialize.setAccessible(true);
        Map<String, AbstractManagedObjectDefinition<?, ?>> found = new TreeMap<>();
        ClassLoader loader = OpenDjDefinitions.class.getClassLoader();
        for (java.net.URL place : java.util.Collections.list(loader.getResources(SERVICES))) {
            try (InputStream stream = place.openStream(); Scanner lines = new Scanner(stream, StandardCharsets.UTF_8)) {
                while (lines.hasNextLine()) {
                    String name = lines.nextLine().trim();
                    if (!name.isEmpty()) {
                        Object made = Class.forName(name).getMethod("getInstance").invoke(null);
                        AbstractManagedObjectDefinition<?, ?> definition = (AbstractManagedObjectDefinition<?, ?>) made;
                        found.put(definition.getName(), definition);
                    }
                }
            }
        }
        for (AbstractManagedObjectDefinition<?, ?> definition : found.values()) {
            initialize.invoke(definition);
        }
        return new ArrayList<>(found.values());
    }

    /** The version of the product, from the manifest of the jar that has the definitions. */
    private static String findVersion() throws Exception {
        String jar = AbstractManagedObjectDefinition.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        try (java.util.jar.JarFile file = new java.util.jar.JarFile(java.net.URLDecoder.decode(jar, StandardCharsets.UTF_8))) {
            java.util.jar.Attributes said = file.getManifest().getMainAttributes();
            String version = said.getValue("Bundle-Version");
            return version != null ? version : said.getValue("Implementation-Version");
        }
    }

    private static Map<String, Object> describe(AbstractManagedObjectDefinition<?, ?> definition) throws Exception {
        Map<String, Object> said = new LinkedHashMap<>();
        AbstractManagedObjectDefinition<?, ?> parent = definition.getParent();
        boolean isRoot = definition.getName().isEmpty();
        said.put("name", definition.getName());
        boolean extendsOther = parent != null && !parent.isTop();
        said.put("extends", extendsOther ? parent.getName() : "");
        said.put("abstract", !isRoot && !(definition instanceof ManagedObjectDefinition));
        said.put("advanced", definition.hasOption(ManagedObjectOption.ADVANCED));
        said.put("hidden", definition.hasOption(ManagedObjectOption.HIDDEN));
        if (!isRoot) {
            said.put("user-friendly-name", text(definition.getUserFriendlyName()));
            said.put("user-friendly-plural-name", text(definition.getUserFriendlyPluralName()));
            said.put("synopsis", text(definition.getSynopsis()));
            said.put("description", text(definition.getDescription()));
            said.put("object-class", LDAPProfile.getInstance().getObjectClass(definition));
            said.put("custom", "true".equals(cli(definition).getProperty("is-for-customization")));
            TreeSet<String> tags = new TreeSet<>();
            for (Tag tag : definition.getAllTags()) {
                if (parent == null || !parent.hasTag(tag)) {
                    tags.add(tag.getName());
                }
            }
            said.put("tags", new ArrayList<>(tags));
        }
        Map<String, Object> properties = new TreeMap<>();
        for (PropertyDefinition<?> property : definition.getPropertyDefinitions()) {
            properties.put(property.getName(), describe(definition, property));
        }
        said.put("properties", new ArrayList<>(properties.values()));
        List<Object> constraints = new ArrayList<>();
        for (Constraint constraint : definition.getConstraints()) {
            if (constraint instanceof GenericConstraint) {
                Map<String, Object> rule = new LinkedHashMap<>();
                rule.put("synopsis", text(((GenericConstraint) constraint).getSynopsis()));
                rule.put("condition", tree((Condition) field(constraint, "condition")));
                constraints.add(rule);
            }
        }
        said.put("constraints", constraints);
        Map<String, Object> relations = new TreeMap<>();
        for (RelationDefinition<?, ?> relation : definition.getRelationDefinitions()) {
            relations.put(relation.getName(), describe(relation));
        }
        said.put("relations", new ArrayList<>(relations.values()));
        return said;
    }

    private static Map<String, Object> describe(AbstractManagedObjectDefinition<?, ?> owner, PropertyDefinition<?> property)
            throws Exception {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("name", property.getName());
        said.put("synopsis", text(property.getSynopsis()));
        said.put("description", text(property.getDescription()));
        for (PropertyOption option : PropertyOption.values()) {
            said.put(option.name().toLowerCase(Locale.ROOT).replace('_', '-'), property.hasOption(option));
        }
        AdministratorAction action = property.getAdministratorAction();
        Map<String, Object> needed = new LinkedHashMap<>();
        needed.put("kind", action.getType().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        needed.put("note", text(action.getSynopsis()));
        said.put("admin-action", needed);
        said.put("default", describe(property.getDefaultBehaviorProvider()));
        said.put("syntax", syntax(property));
        said.put("attribute", LDAPProfile.getInstance().getAttributeName(owner, property));
        return said;
    }

    private static Map<String, Object> describe(DefaultBehaviorProvider<?> provider) throws Exception {
        Map<String, Object> said = new LinkedHashMap<>();
        if (provider instanceof DefinedDefaultBehaviorProvider) {
            said.put("values", new ArrayList<>(((DefinedDefaultBehaviorProvider<?>) provider).getDefaultValues()));
        } else if (provider instanceof AliasDefaultBehaviorProvider) {
            said.put("alias", text(((AliasDefaultBehaviorProvider<?>) provider).getSynopsis()));
        } else if (provider instanceof RelativeInheritedDefaultBehaviorProvider) {
            RelativeInheritedDefaultBehaviorProvider<?> relative = (RelativeInheritedDefaultBehaviorProvider<?>) provider;
            said.put("offset", relative.getRelativeOffset());
            said.put("property", relative.getPropertyName());
        } else if (provider instanceof AbsoluteInheritedDefaultBehaviorProvider) {
            AbsoluteInheritedDefaultBehaviorProvider<?> absolute = (AbsoluteInheritedDefaultBehaviorProvider<?>) provider;
            said.put("path", field(absolute, "pathString"));
            said.put("property", absolute.getPropertyName());
        }
        return said;
    }

    private static Map<String, Object> syntax(PropertyDefinition<?> property) throws Exception {
        Map<String, Object> said = new LinkedHashMap<>();
        String type = property.getClass().getSimpleName().replace("PropertyDefinition", "");
        said.put("type", type);
        if (property instanceof IntegerPropertyDefinition) {
            IntegerPropertyDefinition integer = (IntegerPropertyDefinition) property;
            limits(said, (long) integer.getLowerLimit(), integer.getUpperLimit(), integer.isAllowUnlimited());
            said.put("unit-synopsis", text(integer.getUnitSynopsis()));
        } else if (property instanceof DurationPropertyDefinition) {
            DurationPropertyDefinition duration = (DurationPropertyDefinition) property;
            limits(said, duration.getLowerLimit(), duration.getUpperLimit(), duration.isAllowUnlimited());
            said.put("base-unit", duration.getBaseUnit().getShortName());
            if (duration.getMaximumUnit() != null) {
                said.put("maximum-unit", duration.getMaximumUnit().getShortName());
            }
        } else if (property instanceof SizePropertyDefinition) {
            SizePropertyDefinition size = (SizePropertyDefinition) property;
            limits(said, size.getLowerLimit(), size.getUpperLimit(), size.isAllowUnlimited());
        } else if (property instanceof StringPropertyDefinition) {
            StringPropertyDefinition string = (StringPropertyDefinition) property;
            said.put("case-insensitive", string.isCaseInsensitive());
            if (string.getPattern() != null) {
                said.put("regex", string.getPattern().pattern());
                said.put("usage", string.getPatternUsage());
                said.put("synopsis", text(string.getPatternSynopsis()));
            }
        } else if (property instanceof EnumPropertyDefinition) {
            said.put("values", values((EnumPropertyDefinition<?>) property));
        } else if (property instanceof ClassPropertyDefinition) {
            said.put("instance-of", new ArrayList<>(((ClassPropertyDefinition) property).getInstanceOfInterface()));
        } else if (property instanceof DNPropertyDefinition) {
            Object base = ((DNPropertyDefinition) property).getBaseDN();
            said.put("base", base == null ? "" : base.toString());
        } else if (property instanceof AggregationPropertyDefinition) {
            said.put("relation", field(property, "rdName"));
            said.put("parent", field(property, "parentPathString"));
            AggregationPropertyDefinition<?, ?> aggregation = (AggregationPropertyDefinition<?, ?>) property;
            said.put("target-enabled", tree(aggregation.getTargetIsEnabledCondition()));
            said.put("needed-when", tree(aggregation.getTargetNeedsEnablingCondition()));
            said.put("synopsis", text(aggregation.getSourceConstraintSynopsis()));
        }
        return said;
    }

    private static void limits(Map<String, Object> said, long lower, Object upper, boolean unlimited) {
        said.put("lower", lower);
        said.put("upper", upper);
        said.put("allow-unlimited", unlimited);
    }

    private static <E extends Enum<E>> Map<String, Object> values(EnumPropertyDefinition<E> property) {
        Map<String, Object> found = new TreeMap<>();
        for (E value : property.getEnumClass().getEnumConstants()) {
            found.put(value.toString(), text(property.getValueSynopsis(value)));
        }
        return found;
    }

    private static Map<String, Object> describe(RelationDefinition<?, ?> relation) throws Exception {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("name", relation.getName());
        said.put("target", relation.getChildDefinition().getName());
        said.put("hidden", relation.hasOption(RelationOption.HIDDEN));
        said.put("user-friendly-name", text(relation.getUserFriendlyName()));
        said.put("synopsis", text(relation.getSynopsis()));
        said.put("rdn-sequence", LDAPProfile.getInstance().getRelationRDNSequence(relation));
        Properties words = cli(relation.getParentDefinition());
        String prefix = "relation." + relation.getName();
        said.put("list", words.getProperty(prefix + ".list-properties", ""));
        said.put("name-option", words.getProperty(prefix + ".naming-argument-override", ""));
        if (relation instanceof InstantiableRelationDefinition) {
            InstantiableRelationDefinition<?, ?> several = (InstantiableRelationDefinition<?, ?>) relation;
            PropertyDefinition<?> naming = several.getNamingPropertyDefinition();
            said.put("kind", "one-to-many");
            said.put("plural", several.getPluralName());
            said.put("user-friendly-plural-name", text(several.getUserFriendlyPluralName()));
            said.put("naming-property", naming == null ? "" : naming.getName());
            said.put("naming-attribute", LDAPProfile.getInstance().getRelationChildRDNType(several));
        } else if (relation instanceof SetRelationDefinition) {
            SetRelationDefinition<?, ?> several = (SetRelationDefinition<?, ?>) relation;
            said.put("kind", "one-to-many-set");
            said.put("plural", several.getPluralName());
            said.put("user-friendly-plural-name", text(several.getUserFriendlyPluralName()));
        } else {
            said.put("kind", relation instanceof OptionalRelationDefinition ? "one-to-zero-or-one" : "one-to-one");
        }
        said.put("default-objects", defaults(relation));
        return said;
    }

    private static List<Object> defaults(RelationDefinition<?, ?> relation) throws Exception {
        List<Object> found = new ArrayList<>();
        Object made = relation instanceof InstantiableRelationDefinition || relation instanceof SetRelationDefinition
                ? field(relation, "defaultManagedObjects") : Map.of();
        for (Map.Entry<?, ?> entry : new TreeMap<>((Map<?, ?>) made).entrySet()) {
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("name", entry.getKey());
            said.put("type", ((DefaultManagedObject<?, ?>) entry.getValue()).getManagedObjectDefinition().getName());
            said.put("properties", new TreeMap<>((Map<?, ?>) field(entry.getValue(), "propertyStringValues")));
            found.add(said);
        }
        return found;
    }

    /** A condition as JSON: true, false, or an object with one word. */
    private static Object tree(Condition condition) throws Exception {
        if (condition == null || condition == Conditions.TRUE) {
            return true;
        }
        if (condition == Conditions.FALSE) {
            return false;
        }
        String kind = condition.getClass().getSimpleName();
        if (condition instanceof ContainsCondition) {
            return Map.of("contains", List.of(field(condition, "propertyName"), field(condition, "propertyStringValue")));
        }
        if (kind.equals("IsPresentCondition")) {
            return Map.of("is-present", field(condition, "propertyName"));
        }
        if (kind.equals("NOTCondition")) {
            return Map.of("not", tree((Condition) field(condition, "condition")));
        }
        if (!kind.equals("ANDCondition") && !kind.equals("ORCondition")) {
            throw new IllegalStateException("a condition of the unknown kind " + kind);
        }
        List<Object> parts = new ArrayList<>();
        for (Object part : (Collection<?>) field(condition, "conditions")) {
            parts.add(tree((Condition) part));
        }
        return Map.of(kind.equals("ANDCondition") ? "and" : "or", parts);
    }

    private static Object field(Object object, String name) throws Exception {
        Field found = object.getClass().getDeclaredField(name);
        found.setAccessible(true);
        return found.get(object);
    }

    /** What the command-line profile says of a kind. */
    private static Properties cli(AbstractManagedObjectDefinition<?, ?> definition) throws Exception {
        String name = "config/profiles/cli/" + definition.getClass().getName().replace('.', '/') + ".properties";
        Properties found = new Properties();
        try (InputStream stream = definition.getClass().getClassLoader().getResourceAsStream(name)) {
            if (stream != null) {
                found.load(stream);
            }
        }
        return found;
    }

    private static String text(LocalizableMessage message) {
        return message == null ? "" : message.toString();
    }

    private static void write(StringBuilder json, Object value) {
        if (value instanceof Map) {
            String separator = "{";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                json.append(separator);
                write(json, entry.getKey());
                json.append(':');
                write(json, entry.getValue());
                separator = ",";
            }
            json.append(((Map<?, ?>) value).isEmpty() ? "{}" : "}");
        } else if (value instanceof Collection) {
            String separator = "[";
            for (Object item : (Collection<?>) value) {
                json.append(separator);
                write(json, item);
                separator = ",";
            }
            json.append(((Collection<?>) value).isEmpty() ? "[]" : "]");
        } else if (value == null || value instanceof Boolean || value instanceof Number) {
            json.append(value);
        } else {
            json.append('"');
            for (char character : value.toString().toCharArray()) {
                if (character < ' ' || character == '"' || character == '\\' || character > '~') {
                    json.append(String.format("\\u%04x", (int) character));
                } else {
                    json.append(character);
                }
            }
            json.append('"');
        }
    }
}
