import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import jakarta.persistence.EntityManagerFactory;
import java.net.InetSocketAddress;
import java.util.Properties;
import javax.sql.DataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.h2.jdbcx.JdbcConnectionPool;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/** HAPI's FHIR server of R4 on 127.0.0.1, empty, kept in memory: {@code FhirServer PORT PAGE}, PAGE being the most that a page holds. */
public class FhirServer {
  @Import({
    JpaR4Config.class,
    HapiJpaConfig.class,
    ThreadPoolFactoryConfig.class,
    JpaBatch2Config.class,
    Batch2JobsConfig.class,
    SubscriptionChannelConfig.class
  })
  static class Parts {
    @Bean
    JpaStorageSettings storage() {
      JpaStorageSettings settings = new JpaStorageSettings();
      // Charts name practitioners and places that they do not bring.
      settings.setEnforceReferentialIntegrityOnWrite(false);
      settings.setReuseCachedSearchResultsForMillis(null);
      return settings;
    }

    @Bean
    PartitionSettings partitions() {
      return new PartitionSettings();
    }

    @Bean
    SubscriptionSettings subscriptions() {
      return new SubscriptionSettings();
    }

    @Bean(destroyMethod = "dispose")
    JdbcConnectionPool database() {
      return JdbcConnectionPool.create("jdbc:h2:mem:fhir;DB_CLOSE_DELAY=-1", "sa", "");
    }

    @Bean
    LocalContainerEntityManagerFactoryBean entityManagerFactory(
        DataSource database, ConfigurableListableBeanFactory beans, FhirContext fhir, JpaStorageSettings storage) {
      Properties hibernate = new Properties();
      hibernate.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
      hibernate.put("hibernate.hbm2ddl.auto", "create");
      hibernate.put("hibernate.search.enabled", "false");
      var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, storage);
      factory.setPersistenceUnitName("fhir");
      factory.setDataSource(database);
      factory.setJpaProperties(hibernate);
      return factory;
    }

    @Bean
    JpaTransactionManager transactionManager(EntityManagerFactory factory) {
      return new JpaTransactionManager(factory);
    }
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    int page = Integer.parseInt(arguments[1]);
    var parts = new AnnotationConfigApplicationContext(Parts.class);
    var fhir = new RestfulServer(parts.getBean(FhirContext.class));
    fhir.registerProviders(parts.getBean(ResourceProviderFactory.class).createProviders());
    fhir.registerProvider(parts.getBean(JpaSystemProvider.class));
    var pages = parts.getBean(DatabaseBackedPagingProvider.class);
    pages.setDefaultPageSize(page);
    pages.setMaximumPageSize(page);
    fhir.setPagingProvider(pages);
    var root = new ServletContextHandler();
    root.addServlet(new ServletHolder(fhir), "/fhir/*");
    var web = new Server(new InetSocketAddress("127.0.0.1", port));
    web.setHandler(root);
    web.start();
    System.out.println("ready http://127.0.0.1:" + port + "/fhir");
    web.join();
  }
}
